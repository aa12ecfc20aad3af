/* See relief.h. */
#include "authd/relief.h"

#include <errno.h>
#include <math.h>

enum { TERMS = 7 }; /* of the function; depth is the last */

/* Depth of the landmarks on a mean adult face, in millimetres in front of the ears, and the distance of eyes and mouth
 * on the same face (Farkas, Anthropometry of the Head and Face, 1994, rounded; what counts is that the nose stands
 * out). */
static const double depth_mm[LANDMARKS] = {
        0,  3,  8,  16,  30, 46, 62, 74, 78, 74, 62, 46, 30, 16, 8, 3, 0, /* jaw, from ear to ear */
        52, 62, 68, 72,  74, 74, 72, 68, 62, 52,                          /* brows */
        76, 86, 96, 105, 84, 89, 92, 89, 84,                              /* bridge and base of the nose */
        54, 62, 64, 62,  61, 63, 62, 64, 62, 54, 63, 61,                  /* eyes */
        74, 83, 89, 90,  89, 83, 74, 83, 87, 88, 87, 83,                  /* lips, outside */
        75, 86, 88, 86,  75, 85, 86, 85,                                  /* lips, inside */
};
static const double EYES_TO_MOUTH_MM = 68;

static struct point mean(const struct point *p, unsigned from, unsigned to)
{
        struct point sum = { 0, 0 };

        for (unsigned i = from; i < to; i++) {
                sum.x += p[i].x / (to - from);
                sum.y += p[i].y / (to - from);
        }
        return sum;
}

/* Puts the eyes' middle at the origin and their line on the x axis; one unit is the distance of the mouth from it,
 * which a turn to the side does not change. */
static int normalise(const struct point in[static LANDMARKS], struct point out[static LANDMARKS])
{
        struct point left = mean(in, 36, 42), right = mean(in, 42, 48), mouth = mean(in, 48, 68);
        struct point middle = { (left.x + right.x) / 2, (left.y + right.y) / 2 };
        double length = hypot(right.x - left.x, right.y - left.y);

        if (!(length > 1))
                return -ERANGE;
        double cosine = (right.x - left.x) / length, sine = (right.y - left.y) / length;
        double unit = (mouth.y - middle.y) * cosine - (mouth.x - middle.x) * sine;

        if (!(unit > 1))
                return -ERANGE;
        for (unsigned i = 0; i < LANDMARKS; i++) {
                double x = in[i].x - middle.x, y = in[i].y - middle.y;

                out[i].x = (x * cosine + y * sine) / unit;
                out[i].y = (y * cosine - x * sine) / unit;
        }
        return 0;
}

/* Solves @a x = @b by elimination with pivots, both of which are used up, for the last unknown. */
static int solve_last(double a[static TERMS][TERMS], double b[static TERMS], double *out)
{
        for (unsigned k = 0; k < TERMS; k++) {
                unsigned pivot = k;

                for (unsigned i = k + 1; i < TERMS; i++)
                        if (fabs(a[i][k]) > fabs(a[pivot][k]))
                                pivot = i;
                if (!(fabs(a[pivot][k]) > 1e-9))
                        return -ERANGE;
                for (unsigned j = 0; j < TERMS; j++) {
                        double t = a[k][j];

                        a[k][j] = a[pivot][j];
                        a[pivot][j] = t;
                }
                double t = b[k];

                b[k] = b[pivot];
                b[pivot] = t;
                for (unsigned i = k + 1; i < TERMS; i++) {
                        double factor = a[i][k] / a[k][k];

                        for (unsigned j = k; j < TERMS; j++)
                                a[i][j] -= factor * a[k][j];
                        b[i] -= factor * b[k];
                }
        }
        *out = b[TERMS - 1] / a[TERMS - 1][TERMS - 1];
        return isfinite(*out) ? 0 : -ERANGE;
}

int relief_measure(const struct point straight[static LANDMARKS], const struct point turned[static LANDMARKS],
                   double *out_relief)
{
        struct point from[LANDMARKS], to[LANDMARKS];
        double square[TERMS][TERMS] = { { 0 } }, right[TERMS] = { 0 };
        int r = normalise(straight, from);

        if (r >= 0)
                r = normalise(turned, to);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < LANDMARKS; i++) {
                double depth = depth_mm[i] / EYES_TO_MOUTH_MM;
                const double terms[TERMS] = {
                        1,    from[i].x, from[i].y, from[i].x * from[i].x, from[i].x * from[i].y, from[i].y * from[i].y,
                        depth
                };

                for (unsigned j = 0; j < TERMS; j++) {
                        right[j] += terms[j] * to[i].x;
                        for (unsigned k = 0; k < TERMS; k++)
                                square[j][k] += terms[j] * terms[k];
                }
        }
        return solve_last(square, right, out_relief);
}
