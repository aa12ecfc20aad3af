/* How a template grows after its enrolment, by another look or by log-ins. All embeddings here are rotated.
 *
 * What is enrolled is the anchor: nothing that is added later is what something else is measured by, so a template
 * cannot wander from one face to another in small steps (docs/decisions/templates-grow-with-care.md). */
#pragma once

#include <stdbool.h>

#include "authd/template.h"

enum {
        GROWTH_LOOKS_MAX = 2,       /* beside the enrolled one */
        GROWTH_ADAPTATIONS_MAX = 2, /* embeddings */
};

/* Adds what was seen of a person with another look. One too many takes the place of the oldest added one; what was
 * learnt from log-ins is forgotten. */
void growth_add_look(struct template *t, const struct template *seen);

/* How many looks there are, the enrolled one (0) and those that were added (1, …). */
unsigned growth_looks(const struct template *t);

/* Forgets a look, and what was learnt from log-ins; later looks move up, so that the first one left is the enrolled
 * one. -ENOENT: there is no such look; -EPERM: it is the only one. @t is left alone then. */
int growth_remove_look(struct template *t, unsigned look);

/* Learns from a log-in: true if @t has changed. Only what is like the enrolled face, by a cosine of @strong or more,
 * and yet brings something new; at most once a day of @now (seconds of CLOCK_REALTIME); one too many takes the place of
 * the oldest. */
bool growth_adapt(struct template *t, const float embedding[static EMBEDDING_SIZE], double strong, uint64_t now);
