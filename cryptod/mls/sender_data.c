#include "cryptod/mls/sender_data.h"

#include <string.h>

void sender_data_keys(const struct suite *s, const struct secret *sender_data_secret, struct bytes ciphertext,
                      struct secret **key, struct secret **nonce)
{
        struct bytes sample = BYTES(ciphertext.data, ciphertext.size < s->hash_size ? ciphertext.size : s->hash_size);

        *key = suite_expand_with_label(s, sender_data_secret, "key", sample, s->aead_key_size);
        *nonce = suite_expand_with_label(s, sender_data_secret, "nonce", sample, SUITE_NONCE_SIZE);
}

int sender_data_seal(const struct suite *s, const struct secret *sender_data_secret, struct bytes aad,
                     struct bytes ciphertext, const struct sender_data *data, struct writer *out)
{
        _cleanup_secret_ struct secret *key = NULL, *nonce = NULL;
        _cleanup_writer_ struct writer plain = WRITER_INIT;
        int r;

        write_u32(&plain, data->leaf_index);
        write_u32(&plain, data->generation);
        write_fixed(&plain, BYTES_OF(data->reuse_guard));
        r = writer_finish(&plain);
        if (r < 0)
                return r;
        sender_data_keys(s, sender_data_secret, ciphertext, &key, &nonce);
        return suite_seal(s, key, nonce, aad, writer_bytes(&plain), out);
}

int sender_data_open(const struct suite *s, const struct secret *sender_data_secret, struct bytes aad,
                     struct bytes ciphertext, struct bytes sealed, struct sender_data *out)
{
        _cleanup_secret_ struct secret *key = NULL, *nonce = NULL;
        _cleanup_writer_ struct writer plain = WRITER_INIT;
        struct sender_data data;
        struct reader reader;
        struct bytes guard;
        int r;

        sender_data_keys(s, sender_data_secret, ciphertext, &key, &nonce);
        r = suite_open(s, key, nonce, aad, sealed, &plain);
        if (r < 0)
                return r;
        reader_init(&reader, writer_bytes(&plain));
        data.leaf_index = read_u32(&reader);
        data.generation = read_u32(&reader);
        guard = read_fixed(&reader, REUSE_GUARD_SIZE);
        r = reader_finish(&reader);
        if (r < 0)
                return r;
        memcpy(data.reuse_guard, guard.data, REUSE_GUARD_SIZE);
        *out = data;
        return 0;
}
