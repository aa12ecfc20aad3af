/* A biometric template: a small set of embeddings of one person's face.
 *
 * It cannot be turned back into a picture, but it tells people apart, so it is sealed on disk and wiped in memory. Its
 * bytes, in the presentation language of RFC 8446:
 *
 *     struct { uint8 version = 2; uint64 adapted; uint8 count; Entry entries[count]; } Template;     count: 1 to
 * TEMPLATE_MAX struct { uint8 origin; Embedding embedding; } Entry; struct { uint32 value[512]; } Embedding; IEEE 754
 * binary32
 *
 * Version 1, still read, is  uint8 version = 1; uint8 count; Embedding embeddings[count]  of the enrolment alone. */
#pragma once

#include "authd/vision/vision.h"
#include "services/bytes.h"

enum { TEMPLATE_MAX = 20 };

/* Where an embedding comes from: the enrolment, another look that was added (1, 2, …), or a log-in. */
enum { ORIGIN_ENROLMENT = 0, ORIGIN_ADAPTATION = 255 };

struct template
{
        unsigned count;
        uint8_t origin[TEMPLATE_MAX];
        float embedding[TEMPLATE_MAX][EMBEDDING_SIZE];
        uint64_t adapted; /* when it last was, seconds of CLOCK_REALTIME; 0: never */
};

#define _cleanup_template_ __attribute__((cleanup(template_wipe)))

void template_wipe(struct template *t);

/* Adds an embedding of length 1. A full template stays as it is. */
void template_add(struct template *t, uint8_t origin, const float embedding[static EMBEDDING_SIZE]);

/* Removes all embeddings of an origin. */
void template_remove(struct template *t, uint8_t origin);

/* How many embeddings are of an origin. */
unsigned template_count(const struct template *t, uint8_t origin);

/* The largest cosine between @embedding and those of the template; -1 for an empty one. */
double template_score(const struct template *t, const float embedding[static EMBEDDING_SIZE]);

/* The same without those that it was adapted by. */
double template_score_enrolled(const struct template *t, const float embedding[static EMBEDDING_SIZE]);

void template_write(const struct template *t, struct writer *w);

/* What does not hold 1 to TEMPLATE_MAX embeddings of length 1 (within a thousandth) fails the reader, and @out is left
 * alone. */
void template_read(struct reader *r, struct template *out);
