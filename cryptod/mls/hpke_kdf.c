#include "cryptod/mls/hpke_kdf.h"

#include <stdlib.h>

static void write_labeled(struct writer *w, struct bytes suite_id, const char *label, struct bytes value)
{
        write_fixed(w, BYTES_STRING("HPKE-v1"));
        write_fixed(w, suite_id);
        write_fixed(w, BYTES_STRING(label));
        write_fixed(w, value);
        if (writer_finish(w) < 0)
                abort();
}

struct secret *hpke_labeled_extract(const struct hash *h, struct bytes suite_id, struct bytes salt, const char *label,
                                    struct bytes ikm)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_labeled(&w, suite_id, label, ikm);
        return hkdf_extract(h, salt, writer_bytes(&w));
}

struct secret *hpke_labeled_expand(const struct hash *h, struct bytes suite_id, const struct secret *prk,
                                   const char *label, struct bytes info, size_t size)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_u16(&w, (uint16_t) size);
        write_labeled(&w, suite_id, label, info);
        return hkdf_expand(h, secret_bytes(prk), writer_bytes(&w), size);
}
