/* See track.h. Measured on the demo's faces: the same person's embeddings have a cosine above 0.9 looking straight and
 * above 0.6 turned by 25 degrees; different persons stay below 0.4. */
#include "authd/track.h"

#include <math.h>
#include <string.h>

static const double OVERLAP_MIN = 0.3; /* intersection by union */
static const double COSINE_STRAIGHT = 0.5, COSINE_TURNED = 0.3, TURNED = 12;
static const uint64_t AWAY_MAX = 1500 * 1000, AWAY_PATIENT_MAX = 4000 * 1000;
enum { OTHERS_MAX = 3 };

static double overlap(const struct box *a, const struct box *b)
{
        double width = fmin(a->x + a->width, b->x + b->width) - fmax(a->x, b->x);
        double height = fmin(a->y + a->height, b->y + b->height) - fmax(a->y, b->y);
        double both = width > 0 && height > 0 ? width * height : 0;

        return both / (a->width * a->height + b->width * b->height - both + 1e-12);
}

void track_begin(struct track *t, const struct observation *o, unsigned patience, uint64_t now)
{
        *t = (struct track){
                .begun = true, .box = o->box, .seen = now, .patience = patience > OTHERS_MAX ? patience : OTHERS_MAX
        };
        memcpy(t->reference, o->embedding, sizeof(t->reference));
}

enum track_result track_follow(struct track *t, const struct observation *o, double turned, uint64_t now)
{
        uint64_t away_max = t->patience > OTHERS_MAX ? AWAY_PATIENT_MAX : AWAY_MAX;
        double cosine_min = fabs(turned) < TURNED ? COSINE_STRAIGHT : COSINE_TURNED;

        if (o->faces == 0)
                return now - t->seen > away_max ? TRACK_LOST : TRACK_UNSURE;
        if (!(overlap(&t->box, &o->box) >= OVERLAP_MIN) ||
            ((o->observed & OBSERVE_EMBEDDING) && !(embedding_cosine(t->reference, o->embedding) >= cosine_min)))
                return ++t->others >= t->patience ? TRACK_OTHER : TRACK_UNSURE;
        if (now - t->seen > away_max)
                return TRACK_LOST;
        if (o->observed & OBSERVE_EMBEDDING)
                t->others = 0;
        t->box = o->box;
        t->seen = now;
        return TRACK_SAME;
}

void track_wipe(struct track *t)
{
        explicit_bzero(t, sizeof(*t));
}
