/* What was seen, as numbers: see vision/vision.h. */
#include <math.h>

#include "authd/vision/vision.h"

enum { FACES_MAX = 10000 };

double embedding_cosine(const float a[EMBEDDING_SIZE], const float b[EMBEDDING_SIZE])
{
        double sum = 0;

        for (int i = 0; i < EMBEDDING_SIZE; i++)
                sum += (double) a[i] * (double) b[i];
        return sum;
}

/* A cell's counts have one sum, so the distance is the same whether they are divided by it before or after. */
double histogram_likeness(const uint8_t a[HISTOGRAM_SIZE], const uint8_t b[HISTOGRAM_SIZE])
{
        double distance = 0, sum = 0;

        for (int i = 0; i < HISTOGRAM_SIZE; i++) {
                double x = a[i], y = b[i];

                sum += x + y;
                if (a[i] != 0 || b[i] != 0)
                        distance += 2 * (x - y) * (x - y) / (x + y);
        }
        return sum > 0 ? 1 - distance / (2 * sum) : 0;
}

/* Also false for what is no number. */
static bool within(double v, double low, double high)
{
        return v >= low && v <= high;
}

static bool box_valid(const struct box *b)
{
        return within(b->x, 0, 1) && within(b->y, 0, 1) && within(b->width, 0, 1) && within(b->height, 0, 1);
}

bool observation_valid(const struct observation *o)
{
        static const unsigned all = OBSERVE_LANDMARKS | OBSERVE_EYES | OBSERVE_POSE | OBSERVE_LIVENESS |
                                    OBSERVE_EMBEDDING | OBSERVE_HISTOGRAM;

        if ((o->observed & ~all) || o->faces > FACES_MAX || !box_valid(&o->box) || !within(o->rival, 0, 1e4) ||
            !within(o->size, 0, FRAME_SIDE_MAX) || !within(o->frame_width, 0, FRAME_SIDE_MAX) ||
            !within(o->frame_height, 0, FRAME_SIDE_MAX) || !within(o->brightness, 0, 255) ||
            !within(o->sharpness, 0, 1e7) || !within(o->surround, 0, 255) || !within(o->yaw, -180, 180) ||
            !within(o->pitch, -180, 180) || !within(o->roll, -180, 180) || !within(o->bona_fide, 0, 1) ||
            !within(o->eye_open[0], 0, 1) || !within(o->eye_open[1], 0, 1))
                return false;
        for (unsigned i = 0; i < LANDMARKS; i++)
                if (!within(o->landmark[i].x, -1e5, 1e5) || !within(o->landmark[i].y, -1e5, 1e5))
                        return false;
        double length = sqrt(embedding_cosine(o->embedding, o->embedding));

        return o->observed & OBSERVE_EMBEDDING ? within(length, 0.999, 1.001) : within(length, 0, 0);
}
