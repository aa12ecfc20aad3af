/* See rotation.h. */
#include "authd/rotation.h"

#include <assert.h>
#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "services/seal.h"

enum { NUMBERS = EMBEDDING_SIZE * (EMBEDDING_SIZE + 1) / 2 };

struct rotation {
        struct secret *numbers; /* NUMBERS floats: reflectors of 512, 511, … 2 coordinates, then one sign */
        double factor[EMBEDDING_SIZE + 1]; /* 2 / |v|² of the reflector with so many coordinates */
};

/* Standard normal numbers in the place of uniform ones. */
static void make_normal(uint8_t *bytes)
{
        for (unsigned i = 0; i < NUMBERS; i += 2, bytes += 8) {
                uint32_t u[2];
                float out[2];

                memcpy(u, bytes, sizeof(u));
                double radius = sqrt(-2 * log((be32toh(u[0]) + 0.5) / 4294967296.0));
                double angle = 2 * M_PI * be32toh(u[1]) / 4294967296.0;

                out[0] = (float) (radius * cos(angle));
                out[1] = (float) (radius * sin(angle));
                memcpy(bytes, out, sizeof(out));
        }
}

/* Makes of normal numbers the reflector that takes the first axis to where they point. Returns its factor, so that the
 * reflection preserves lengths however the numbers were rounded. */
static double make_reflector(float *v, unsigned size)
{
        double length = 0, square = 0;

        for (unsigned k = 0; k < size; k++)
                length += (double) v[k] * (double) v[k];
        length = sqrt(length);
        for (unsigned k = 0; k < size; k++) {
                v[k] = (float) (v[k] / length - (k == 0));
                square += (double) v[k] * (double) v[k];
        }
        return square > 0 ? 2 / square : 0;
}

struct rotation *rotation_new(const struct secret *seed)
{
        struct rotation *r = calloc(1, sizeof(*r));

        if (!r)
                abort();
        assert(seed->size == ROTATION_SEED_SIZE);
        r->numbers = shake256(secret_bytes(seed), NUMBERS * sizeof(float));
        make_normal(r->numbers->data);
        float *v = (float *) (void *) r->numbers->data;

        for (unsigned size = EMBEDDING_SIZE; size >= 2; v += size--)
                r->factor[size] = make_reflector(v, size);
        return r;
}

struct rotation *rotation_free(struct rotation *r)
{
        if (!r)
                return NULL;
        secret_free(r->numbers);
        explicit_bzero(r, sizeof(*r));
        free(r);
        return NULL;
}

void rotation_release(struct rotation **r)
{
        *r = rotation_free(*r);
}

void rotation_apply(const struct rotation *r, float embedding[static EMBEDDING_SIZE])
{
        const float *v = (const float *) (const void *) r->numbers->data + NUMBERS - 1;
        double x[EMBEDDING_SIZE];

        for (unsigned k = 0; k < EMBEDDING_SIZE; k++)
                x[k] = (double) embedding[k];
        if (signbit(*v))
                x[EMBEDDING_SIZE - 1] = -x[EMBEDDING_SIZE - 1];
        for (unsigned size = 2; size <= EMBEDDING_SIZE; size++) {
                double *rest = x + EMBEDDING_SIZE - size, along = 0;

                v -= size;
                for (unsigned k = 0; k < size; k++)
                        along += (double) v[k] * rest[k];
                along *= r->factor[size];
                for (unsigned k = 0; k < size; k++)
                        rest[k] -= along * (double) v[k];
        }
        for (unsigned k = 0; k < EMBEDDING_SIZE; k++)
                embedding[k] = (float) x[k];
        explicit_bzero(x, sizeof(x));
}

void rotation_apply_template(const struct rotation *r, struct template *t)
{
        for (unsigned i = 0; i < t->count; i++)
                rotation_apply(r, t->embedding[i]);
}
