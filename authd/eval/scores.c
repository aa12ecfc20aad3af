/* See scores.h. */
#include "authd/eval/scores.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int scores_add(struct scores *s, double score)
{
        if (s->count == s->capacity) {
                size_t capacity = s->capacity ? 2 * s->capacity : 1024;
                double *grown = reallocarray(s->score, capacity, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                s->score = grown;
                s->capacity = capacity;
        }
        s->score[s->count++] = score;
        return 0;
}

static int ascending(const void *a, const void *b)
{
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

void scores_sort(struct scores *s)
{
        if (s->count > 0)
                qsort(s->score, s->count, sizeof(*s->score), ascending);
}

void scores_release(struct scores *s)
{
        free(s->score);
        *s = (struct scores){ 0 };
}

/* How many are below @threshold. */
static size_t below(const struct scores *s, double threshold)
{
        size_t low = 0, high = s->count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (s->score[middle] < threshold)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

double scores_fmr(const struct scores *impostor, double threshold)
{
        return impostor->count > 0 ? (double) (impostor->count - below(impostor, threshold)) / (double) impostor->count
                                   : 0;
}

double scores_fnmr(const struct scores *genuine, double threshold)
{
        return genuine->count > 0 ? (double) below(genuine, threshold) / (double) genuine->count : 0;
}

double scores_threshold(const struct scores *impostor, double fmr)
{
        size_t allowed = (size_t) floor(fmr * (double) impostor->count);

        if (allowed >= impostor->count)
                return -1;
        return nextafter(impostor->score[impostor->count - 1 - allowed], 2);
}

double scores_eer(const struct scores *genuine, const struct scores *impostor)
{
        double best = INFINITY, eer = 1;

        for (size_t i = 0; i < genuine->count + impostor->count; i++) {
                double t = i < genuine->count ? genuine->score[i] : impostor->score[i - genuine->count];
                double fmr = scores_fmr(impostor, t), fnmr = scores_fnmr(genuine, t);

                if (fabs(fmr - fnmr) < best) {
                        best = fabs(fmr - fnmr);
                        eer = (fmr + fnmr) / 2;
                }
        }
        return eer;
}
