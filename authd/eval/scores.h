/* Scores of comparisons and the error rates that follow from them, in the words of ISO/IEC 19795-1. */
#pragma once

#include <stddef.h>

struct scores {
        double *score;
        size_t count, capacity;
};

/* -ENOMEM. */
int scores_add(struct scores *s, double score);

/* Call it when all have been added and before the functions below. */
void scores_sort(struct scores *s);
void scores_release(struct scores *s);

/* The part of @impostor at or above @threshold: false matches. */
double scores_fmr(const struct scores *impostor, double threshold);

/* The part of @genuine below @threshold: false non-matches. */
double scores_fnmr(const struct scores *genuine, double threshold);

/* The smallest threshold of which the FMR is at most @fmr. */
double scores_threshold(const struct scores *impostor, double fmr);

/* Where FMR and FNMR are equal, or the mean of both where they come closest. */
double scores_eer(const struct scores *genuine, const struct scores *impostor);
