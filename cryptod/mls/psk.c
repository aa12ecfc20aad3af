#include "cryptod/mls/psk.h"

#include <stdlib.h>

#include "services/cleanup.h"

void psk_id_read(struct reader *r, struct psk_id *out)
{
        *out = (struct psk_id){ .type = (enum psk_type) read_u8(r) };
        switch (out->type) {
        case PSK_EXTERNAL:
                out->external_id = read_vector(r);
                break;
        case PSK_RESUMPTION:
                out->usage = (enum resumption_psk_usage) read_u8(r);
                if (out->usage < RESUMPTION_APPLICATION || out->usage > RESUMPTION_BRANCH)
                        reader_fail(r);
                out->group_id = read_vector(r);
                out->epoch = read_u64(r);
                break;
        default:
                reader_fail(r);
        }
        out->nonce = read_vector(r);
}

void psk_id_write(struct writer *w, const struct psk_id *id)
{
        write_u8(w, (uint8_t) id->type);
        if (id->type == PSK_EXTERNAL) {
                write_vector(w, id->external_id);
        } else {
                write_u8(w, (uint8_t) id->usage);
                write_vector(w, id->group_id);
                write_u64(w, id->epoch);
        }
        write_vector(w, id->nonce);
}

struct secret *psk_secret(const struct suite *s, const struct psk *psks, size_t count)
{
        _cleanup_secret_ struct secret *zero = secret_new(s->hash_size);
        struct secret *result = secret_new(s->hash_size);

        for (size_t i = 0; i < count; i++) {
                _cleanup_secret_ struct secret *extracted =
                        suite_extract(s, secret_bytes(zero), secret_bytes(psks[i].value));
                _cleanup_writer_ struct writer label = WRITER_INIT; /* struct PSKLabel */

                psk_id_write(&label, &psks[i].id);
                write_u16(&label, (uint16_t) i);
                write_u16(&label, (uint16_t) count);
                if (writer_finish(&label) < 0)
                        abort();
                _cleanup_secret_ struct secret *input =
                        suite_expand_with_label(s, extracted, "derived psk", writer_bytes(&label), s->hash_size);
                struct secret *next = suite_extract(s, secret_bytes(input), secret_bytes(result));

                secret_free(result);
                result = next;
        }
        return result;
}
