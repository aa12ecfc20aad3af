/* A biometric template: a small set of embeddings of one person's face.
 *
 * It cannot be turned back into a picture, but it tells people apart, so it is sealed on disk and wiped in memory. Its
 * bytes, in the presentation language of RFC 8446:
 *
 *     struct { uint8 version = 1; uint8 count; Embedding embeddings[count]; } Template;      count: 1 to TEMPLATE_MAX
 *     struct { uint32 value[512]; } Embedding;                                               IEEE 754 binary32 */
#pragma once

#include "authd/vision/vision.h"
#include "services/bytes.h"

enum { TEMPLATE_MAX = 8 };

struct template
{
        unsigned count;
        float embedding[TEMPLATE_MAX][EMBEDDING_SIZE];
};

#define _cleanup_template_ __attribute__((cleanup(template_wipe)))

void template_wipe(struct template *t);

/* Adds an embedding of length 1. A full template stays as it is. */
void template_add(struct template *t, const float embedding[static EMBEDDING_SIZE]);

/* The largest cosine between @embedding and those of the template; -1 for an empty one. */
double template_score(const struct template *t, const float embedding[static EMBEDDING_SIZE]);

void template_write(const struct template *t, struct writer *w);

/* What does not hold 1 to TEMPLATE_MAX embeddings of length 1 (within a thousandth) fails the reader, and @out is left
 * alone. */
void template_read(struct reader *r, struct template *out);
