/* See sealing_key.h. */
#include "cryptod/conversation/sealing_key.h"

#include <errno.h>

#include "cryptod/mls/hpke.h"
#include "cryptod/mls/leaf_node.h"
#include "services/seal.h"

#define LABEL "Visavis sealing key"
#define INFO "visavis sealing key v1"

enum { VERSION = 1 };

struct secret *sealing_key_derive(const struct suite *s, const struct secret *root_private_key,
                                  struct writer *public_key)
{
        _cleanup_secret_ struct secret *seed =
                hkdf_sha512(secret_bytes(root_private_key), BYTES(NULL, 0), BYTES_STRING(INFO), s->hash_size);

        return hpke_derive_key_pair(s, secret_bytes(seed), public_key);
}

static int write_tbs(struct bytes address, struct bytes sealing_key, struct writer *w)
{
        write_vector(w, address);
        write_vector(w, sealing_key);
        return writer_finish(w);
}

int sealing_key_write(const struct suite *s, struct bytes address, struct bytes sealing_key,
                      const struct secret *root_private_key, struct writer *extensions)
{
        _cleanup_writer_ struct writer tbs = WRITER_INIT, signature = WRITER_INIT;
        int r = write_tbs(address, sealing_key, &tbs);
        size_t mark;

        if (r >= 0)
                r = suite_sign_with_label(s, root_private_key, LABEL, writer_bytes(&tbs), &signature);
        if (r < 0)
                return r;
        write_u16(extensions, EXTENSION_SEALING_KEY);
        mark = writer_open_vector(extensions);
        write_u8(extensions, VERSION);
        write_vector(extensions, sealing_key);
        write_vector(extensions, writer_bytes(&signature));
        writer_close_vector(extensions, mark);
        return writer_finish(extensions);
}

int sealing_key_read(const struct suite *s, struct bytes extensions, struct bytes address, struct bytes root_key,
                     struct bytes *sealing_key)
{
        _cleanup_writer_ struct writer tbs = WRITER_INIT;
        struct bytes data, key, signature;
        struct reader reader;
        int r;

        if (!extension_find(extensions, EXTENSION_SEALING_KEY, &data))
                return -ENOENT;
        reader_init(&reader, data);
        if (read_u8(&reader) != VERSION)
                return reader.error ? -EBADMSG : -ENOENT;
        key = read_vector(&reader);
        signature = read_vector(&reader);
        r = reader_finish(&reader) < 0 ? -EBADMSG : hpke_check_public_key(s, key);
        if (r >= 0)
                r = write_tbs(address, key, &tbs);
        if (r >= 0)
                r = suite_verify_with_label(s, root_key, LABEL, writer_bytes(&tbs), signature);
        if (r >= 0)
                *sealing_key = key;
        return r;
}
