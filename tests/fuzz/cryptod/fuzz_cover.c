/* The cover of a sealed file from somebody else: first as it comes, then, since nobody hits a checksum and a ciphertext
 * by trying, with what it says of the keys put into a cover that is right so far, and its content encrypted to the
 * account. The account's keys are not the fuzzer's to have, so nothing may open. */
#include <stdlib.h>
#include <string.h>

#include "cryptod/files/cover.h"
#include "cryptod/mls/hpke.h"
#include "services/cleanup.h"
#include "services/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t header[SEALED_FILE_HEADER_SIZE];

static void must(bool good)
{
        if (!good)
                abort();
}

static void refuse(const struct cover_key *k, struct bytes cover)
{
        struct cover_content c = { 0 };
        size_t size = 0;
        int flaw = cover_size(cover, &size);

        must(flaw != 0 || (size >= COVER_HEAD_SIZE + COVER_CHECK_SIZE && size < 128 * 1024));
        must(cover_open(k, cover, BYTES_OF(header), &c) > 0 && !c.wrapping_key);
}

/* @keys between a head and a checksum. */
static void refuse_keys(const struct cover_key *k, struct bytes keys)
{
        static const uint8_t start[] = { 0x89, 'V', 'V', 'K', '\r', '\n', 0x1a, '\n', 1, 0, 1 };
        _cleanup_writer_ struct writer w = WRITER_INIT;
        uint8_t hash[32];

        write_fixed(&w, BYTES_OF(start));
        write_u16(&w, (uint16_t) keys.size);
        write_fixed(&w, keys);
        must(writer_finish(&w) == 0);
        sha256(writer_bytes(&w), hash);
        write_fixed(&w, BYTES(hash, COVER_CHECK_SIZE));
        refuse(k, writer_bytes(&w));
}

static void refuse_content(const struct cover_key *k, struct bytes content)
{
        _cleanup_writer_ struct writer kem_output = WRITER_INIT, ciphertext = WRITER_INIT, keys = WRITER_INIT;

        must(hpke_encrypt_with_label(k->suite, writer_bytes(&k->public_key), "Visavis sealed file", BYTES_OF(header),
                                     content, &kem_output, &ciphertext) == 0);
        write_vector(&keys, writer_bytes(&kem_output));
        write_vector(&keys, writer_bytes(&ciphertext));
        must(writer_finish(&keys) == 0);
        refuse_keys(k, writer_bytes(&keys));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct cover_key *k;

        if (!k) {
                const struct cover_account account = { BYTES_STRING("bob@hub.example.org:7843"),
                                                       BYTES_STRING("root key of thirty-two bytes....") };
                const struct suite *s = suite_by_id(1);
                _cleanup_writer_ struct writer public_key = WRITER_INIT;
                _cleanup_secret_ struct secret *seed = secret_random(s->hash_size);
                _cleanup_secret_ struct secret *private_key = hpke_derive_key_pair(s, secret_bytes(seed), &public_key);

                k = cover_key_new(s, account, writer_bytes(&public_key), private_key);
        }
        if (size == 0 || size > 32768)
                return 0;
        struct bytes rest = BYTES(data + 1, size - 1);
        if (data[0] % 3 == 0)
                refuse(k, rest);
        else if (data[0] % 3 == 1)
                refuse_keys(k, rest);
        else
                refuse_content(k, rest);
        return 0;
}
