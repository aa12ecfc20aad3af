/* See figure.h. */
#include "figure.h"

#include <math.h>
#include <string.h>

/* A face in millimetres: to the right, down, towards the viewer. */
static const double face[LANDMARKS][3] = {
        { -74, -30, -48 }, { -73, -11, -46 }, { -70, 8, -44 },  { -66, 26, -42 }, { -59, 42, -38 }, { -48, 56, -31 },
        { -34, 67, -19 },  { -18, 75, -5 },   { 0, 77, 1 },     { 18, 75, -5 },   { 34, 67, -19 },  { 48, 56, -31 },
        { 59, 42, -38 },   { 66, 26, -42 },   { 70, 8, -44 },   { 73, -11, -46 }, { 74, -30, -48 }, { -61, -50, -13 },
        { -51, -59, -7 },  { -38, -62, 0 },   { -25, -61, 7 },  { -12, -57, 12 }, { 12, -57, 12 },  { 25, -61, 7 },
        { 38, -62, 0 },    { 51, -59, -7 },   { 61, -50, -13 }, { 0, -42, 13 },   { 0, -31, 21 },   { 0, -20, 29 },
        { 0, -8, 37 },     { -15, 3, 20 },    { -8, 5, 23 },    { 0, 7, 26 },     { 8, 5, 23 },     { 15, 3, 20 },
        { -46, -38, -6 },  { -38, -43, -2 },  { -28, -43, -1 }, { -19, -37, 0 },  { -28, -35, 0 },  { -38, -35, -1 },
        { 19, -37, 0 },    { 28, -43, -1 },   { 38, -43, -2 },  { 46, -38, -6 },  { 38, -35, -1 },  { 28, -35, 0 },
        { -29, 28, 3 },    { -18, 22, 16 },   { -8, 19, 23 },   { 0, 21, 24 },    { 8, 19, 23 },    { 18, 22, 16 },
        { 29, 28, 3 },     { 19, 36, 15 },    { 8, 40, 22 },    { 0, 40, 24 },    { -8, 40, 22 },   { -19, 36, 15 },
        { -24, 29, 5 },    { -8, 27, 21 },    { 0, 28, 22 },    { 8, 27, 21 },    { 24, 29, 5 },    { 8, 33, 21 },
        { 0, 34, 22 },     { -8, 33, 21 }
};

const struct thresholds figure_thresholds = { .match = 0.45, .same = 0.6, .hopeless = 0.1, .doubtful = 0.5 };

static const double PIXELS_PER_MM = 1.1;

struct figure figure_person(unsigned who)
{
        return (struct figure){ .who = who,
                                .eyes = 0.999,
                                .bona_fide = 0.98,
                                .x = 320,
                                .y = 240,
                                .zoom = 1,
                                .brightness = 120,
                                .sharpness = 100,
                                .surround = 60 };
}

/* Where a landmark is seen: of a head that turns, or of a sheet that is turned and bent (weak perspective). */
static struct point project(const struct figure *f, const double p[3])
{
        double angle = f->yaw * M_PI / 180, shown = f->shown * M_PI / 180, scale = PIXELS_PER_MM * f->zoom;
        double x = f->flat ? p[0] * cos(shown) + p[2] * sin(shown) : p[0], y = p[1];
        double depth = f->flat ? f->bend * (x * x + 0.5 * y * y + 0.3 * x * y) : p[2];

        return (struct point){ f->x + scale * (x * cos(angle) + depth * sin(angle)), f->y + scale * y };
}

void figure_see(const struct figure *f, struct observation *out)
{
        *out = (struct observation){
                .observed = OBSERVE_LANDMARKS | OBSERVE_EYES | OBSERVE_POSE | OBSERVE_LIVENESS | OBSERVE_EMBEDDING |
                            OBSERVE_HISTOGRAM,
                .faces = f->rival > 0 ? 2 : 1,
                .rival = f->rival,
                .box = { (f->x - 80 * f->zoom) / 640, (f->y - 90 * f->zoom) / 480, 160 * f->zoom / 640,
                         180 * f->zoom / 480 },
                .frame_width = 640,
                .frame_height = 480,
                .size = 160 * f->zoom,
                .brightness = f->brightness,
                .surround = f->surround,
                .sharpness = f->sharpness,
                .eye_open = { f->eyes, f->eyes },
                .yaw = f->yaw + f->shown,
                .pitch = f->pitch,
                .bona_fide = f->bona_fide,
        };
        /* A pattern of its own in each cell, and noise. */
        for (unsigned i = 0; i < HISTOGRAM_SIZE / 256; i++) {
                out->histogram[256 * i + f->who] = 150;
                out->histogram[256 * i + 255] = 19;
        }
        for (unsigned i = 0; i < LANDMARKS; i++)
                out->landmark[i] = project(f, face[i]);
        /* Persons are orthogonal to each other, and resemble themselves less when they turn. */
        double like = f->covered ? 0.2 : cos(hypot(f->yaw + f->shown, f->pitch) * M_PI / 90);

        out->embedding[f->who] = (float) (like * cos(f->glasses));
        out->embedding[511] = (float) (like * sin(f->glasses));
        out->embedding[f->who + 256] = (float) sqrt(1 - like * like);
}
