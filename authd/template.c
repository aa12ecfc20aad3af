/* See template.h. */
#include "authd/template.h"

#include <math.h>
#include <string.h>

enum { VERSION = 2, VERSION_OF_ENROLMENTS = 1 };

void template_wipe(struct template *t)
{
        explicit_bzero(t, sizeof(*t));
}

void template_add(struct template *t, uint8_t origin, const float embedding[static EMBEDDING_SIZE])
{
        if (t->count == TEMPLATE_MAX)
                return;
        t->origin[t->count] = origin;
        memcpy(t->embedding[t->count++], embedding, sizeof(t->embedding[0]));
}

void template_remove(struct template *t, uint8_t origin)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < t->count; i++) {
                if (t->origin[i] == origin)
                        continue;
                t->origin[kept] = t->origin[i];
                memmove(t->embedding[kept++], t->embedding[i], sizeof(t->embedding[0]));
        }
        t->count = kept;
}

unsigned template_count(const struct template *t, uint8_t origin)
{
        unsigned n = 0;

        for (unsigned i = 0; i < t->count; i++)
                n += t->origin[i] == origin;
        return n;
}

static double score(const struct template *t, bool adapted, const float embedding[static EMBEDDING_SIZE])
{
        double best = -1;

        for (unsigned i = 0; i < t->count; i++)
                if (adapted || t->origin[i] != ORIGIN_ADAPTATION)
                        best = fmax(best, embedding_cosine(t->embedding[i], embedding));
        return best;
}

double template_score(const struct template *t, const float embedding[static EMBEDDING_SIZE])
{
        return score(t, true, embedding);
}

double template_score_enrolled(const struct template *t, const float embedding[static EMBEDDING_SIZE])
{
        return score(t, false, embedding);
}

void template_write(const struct template *t, struct writer *w)
{
        write_u8(w, VERSION);
        write_u64(w, t->adapted);
        write_u8(w, (uint8_t) t->count);
        for (unsigned i = 0; i < t->count; i++) {
                write_u8(w, t->origin[i]);
                for (unsigned k = 0; k < EMBEDDING_SIZE; k++) {
                        uint32_t bits;

                        memcpy(&bits, &t->embedding[i][k], sizeof(bits));
                        write_u32(w, bits);
                }
        }
}

static void read_embedding(struct reader *r, float out[static EMBEDDING_SIZE])
{
        double square = 0;

        for (unsigned k = 0; k < EMBEDDING_SIZE; k++) {
                uint32_t bits = read_u32(r);

                memcpy(&out[k], &bits, sizeof(bits));
                square += (double) out[k] * (double) out[k];
        }
        if (!(fabs(sqrt(square) - 1) < 1e-3)) /* also what is no number */
                reader_fail(r);
}

void template_read(struct reader *r, struct template *out)
{
        _cleanup_template_ struct template t = { 0 };
        uint8_t version = read_u8(r);

        if (version != VERSION && version != VERSION_OF_ENROLMENTS)
                reader_fail(r);
        if (version == VERSION)
                t.adapted = read_u64(r);
        t.count = read_u8(r);
        if (t.count < 1 || t.count > TEMPLATE_MAX)
                reader_fail(r);
        for (unsigned i = 0; !r->error && i < t.count; i++) {
                t.origin[i] = version == VERSION ? read_u8(r) : ORIGIN_ENROLMENT;
                read_embedding(r, t.embedding[i]);
        }
        if (!r->error)
                *out = t;
}
