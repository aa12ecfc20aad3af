/* A rotation of the embedding space, secret and of one account: what makes a template cancelable.
 *
 * A template is kept rotated, and what is compared with it is rotated first. Cosines are as before, so nobody is
 * recognised better or worse; without the rotation a template says nothing of its person, and under another one it
 * matches nobody (docs/decisions/templates-are-rotated.md).
 *
 * It is drawn with the same probability from all orthogonal maps (Stewart, The efficient generation of random
 * orthogonal matrices, SIAM J. Numer. Anal. 17, 1980): the first axis goes anywhere by a Householder reflection, the
 * second anywhere in what is left, and so on. The normal numbers for that are made by SHAKE256 (FIPS 202) from a seed,
 * and Box's and Muller's transform. */
#pragma once

#include "authd/template.h"
#include "services/secret.h"

enum { ROTATION_SEED_SIZE = 32 };

struct rotation;

/* @seed has ROTATION_SEED_SIZE random bytes, which decide everything. Some milliseconds and half a megabyte; aborts
 * when memory is exhausted. */
struct rotation *rotation_new(const struct secret *seed);

/* Wipes and frees. NULL is allowed. Returns NULL. */
struct rotation *rotation_free(struct rotation *r);
void rotation_release(struct rotation **r);
#define _cleanup_rotation_ __attribute__((cleanup(rotation_release)))

/* Rotates an embedding, in place. */
void rotation_apply(const struct rotation *r, float embedding[static EMBEDDING_SIZE]);

/* Rotates all embeddings of a template. */
void rotation_apply_template(const struct rotation *r, struct template *t);
