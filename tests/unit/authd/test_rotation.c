/* A template is of use with its own rotation alone, and with that as good as ever. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../services/cmocka_headers.h"

#include "authd/rotation.h"
#include "services/cleanup.h"

enum { FACES = 32, ROTATIONS = 12 };

static float face[FACES][EMBEDDING_SIZE];

static struct rotation *rotation_of(uint8_t fill)
{
        _cleanup_secret_ struct secret *seed = secret_new(ROTATION_SEED_SIZE);

        memset(seed->data, fill, seed->size);
        return rotation_new(seed);
}

static void rotated(const struct rotation *r, unsigned which, float out[static EMBEDDING_SIZE])
{
        memcpy(out, face[which], sizeof(face[which]));
        rotation_apply(r, out);
}

/* Faces that resemble each other more or less: each is the one before, moved. */
static int make_faces(void **state)
{
        srandom(7);
        for (unsigned i = 0; i < FACES; i++) {
                double length = 0;

                for (unsigned k = 0; k < EMBEDDING_SIZE; k++) {
                        face[i][k] = (float) (random() % 2001) / 1000 - 1 + (i > 0 ? 10 * face[i - 1][k] : 0);
                        length += (double) face[i][k] * (double) face[i][k];
                }
                for (unsigned k = 0; k < EMBEDDING_SIZE; k++)
                        face[i][k] = (float) ((double) face[i][k] / sqrt(length));
        }
        return 0;
}

static void scores_are_what_they_were(void **state)
{
        struct rotation *r = rotation_of(1);
        float a[EMBEDDING_SIZE], b[EMBEDDING_SIZE];

        for (unsigned i = 0; i < FACES; i++) {
                for (unsigned k = 0; k <= i; k++) {
                        rotated(r, i, a);
                        rotated(r, k, b);
                        assert_true(fabs(embedding_cosine(a, b) - embedding_cosine(face[i], face[k])) < 1e-6);
                }
        }
        rotation_free(r);
}

/* By chance a cosine in 512 dimensions is within 0.25 but once in 10^8: 0.45, which matches, does not happen. */
static void nothing_matches_unrotated_or_under_another_rotation(void **state)
{
        struct rotation *all[ROTATIONS];
        float a[EMBEDDING_SIZE], b[EMBEDDING_SIZE];

        for (uint8_t i = 0; i < ROTATIONS; i++)
                all[i] = rotation_of(i);
        for (unsigned which = 0; which < FACES; which++) {
                for (unsigned i = 0; i < ROTATIONS; i++) {
                        rotated(all[i], which, a);
                        assert_true(fabs(embedding_cosine(a, face[which])) < 0.25);
                        for (unsigned k = 0; k < i; k++) {
                                rotated(all[k], which, b);
                                assert_true(fabs(embedding_cosine(a, b)) < 0.25);
                        }
                }
        }
        for (unsigned i = 0; i < ROTATIONS; i++)
                rotation_free(all[i]);
}

static void the_seed_decides_it(void **state)
{
        struct rotation *one = rotation_of(5), *again = rotation_of(5);
        float a[EMBEDDING_SIZE], b[EMBEDDING_SIZE];

        rotated(one, 3, a);
        rotated(again, 3, b);
        assert_memory_equal(a, b, sizeof(a));
        rotation_free(one);
        rotation_free(again);
}

/* Uniform on the sphere: each coordinate of a rotated axis has mean 0 and variance 1/512, the first and last too. */
static void a_face_goes_anywhere(void **state)
{
        const unsigned axes[] = { 0, 255, 510, 511 };
        double sum[COUNT_OF(axes)] = { 0 }, square[COUNT_OF(axes)] = { 0 };
        unsigned count = 0;

        for (uint8_t i = 0; i < 2 * ROTATIONS; i++) {
                struct rotation *r = rotation_of(i);

                for (unsigned from = 0; from < EMBEDDING_SIZE; from += 37, count++) {
                        float x[EMBEDDING_SIZE] = { 0 };

                        x[from] = 1;
                        rotation_apply(r, x);
                        for (unsigned k = 0; k < COUNT_OF(axes); k++) {
                                sum[k] += (double) x[axes[k]];
                                square[k] += (double) x[axes[k]] * (double) x[axes[k]];
                        }
                }
                rotation_free(r);
        }
        for (unsigned k = 0; k < COUNT_OF(axes); k++) {
                assert_true(fabs(sum[k] / count) < 4 / sqrt(512.0 * count));
                assert_true(fabs(square[k] / count * 512 - 1) < 4 * sqrt(2.0 / count));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(scores_are_what_they_were),
                cmocka_unit_test(nothing_matches_unrotated_or_under_another_rotation),
                cmocka_unit_test(the_seed_decides_it),
                cmocka_unit_test(a_face_goes_anywhere),
        };

        return cmocka_run_group_tests(tests, make_faces, NULL);
}
