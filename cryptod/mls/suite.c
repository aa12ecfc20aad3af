#include "cryptod/mls/suite.h"

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

#define KEM_P256                                                                                                       \
        {                                                                                                              \
                0x0010, "P-256", "SHA256", 32, 65, 32, 0xff                                                            \
        }
#define KEM_P384                                                                                                       \
        {                                                                                                              \
                0x0011, "P-384", "SHA384", 48, 97, 48, 0xff                                                            \
        }
#define KEM_P521                                                                                                       \
        {                                                                                                              \
                0x0012, "P-521", "SHA512", 64, 133, 66, 0x01                                                           \
        }
#define KEM_X25519                                                                                                     \
        {                                                                                                              \
                0x0020, "X25519", "SHA256", 32, 32, 32, 0                                                              \
        }
#define KEM_X448                                                                                                       \
        {                                                                                                              \
                0x0021, "X448", "SHA512", 64, 56, 56, 0                                                                \
        }
#define SHA256 "SHA256", 32, 0x0001
#define SHA384 "SHA384", 48, 0x0002
#define SHA512 "SHA512", 64, 0x0003
#define AES128GCM "AES-128-GCM", 0x0001, 16
#define AES256GCM "AES-256-GCM", 0x0002, 32
#define CHACHA20POLY1305 "ChaCha20-Poly1305", 0x0003, 32
#define ED25519 "ED25519", NULL, 32, 32
#define ED448 "ED448", NULL, 57, 57
#define P256 "P-256", "SHA256", 32, 65
#define P384 "P-384", "SHA384", 48, 97
#define P521 "P-521", "SHA512", 66, 133

static const struct suite suites[] = {
        { 1, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", KEM_X25519, SHA256, AES128GCM, ED25519 },
        { 2, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256", KEM_P256, SHA256, AES128GCM, P256 },
        { 3, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519", KEM_X25519, SHA256, CHACHA20POLY1305, ED25519 },
        { 4, "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448", KEM_X448, SHA512, AES256GCM, ED448 },
        { 5, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521", KEM_P521, SHA512, AES256GCM, P521 },
        { 6, "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448", KEM_X448, SHA512, CHACHA20POLY1305, ED448 },
        { 7, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384", KEM_P384, SHA384, AES256GCM, P384 },
};

const struct suite *suite_at(unsigned index)
{
        return index < COUNT_OF(suites) ? &suites[index] : NULL;
}

const struct suite *suite_by_id(uint16_t id)
{
        for (size_t i = 0; i < COUNT_OF(suites); i++)
                if (suites[i].id == id)
                        return &suites[i];
        return NULL;
}

const struct suite *suite_by_name(const char *name)
{
        for (size_t i = 0; i < COUNT_OF(suites); i++)
                if (strcmp(suites[i].name, name) == 0)
                        return &suites[i];
        return NULL;
}

/* A primitive that fails on good arguments means that OpenSSL is broken or memory is exhausted: no key may come of it.
 */
static void must(bool good)
{
        if (!good)
                abort();
}

void suite_hash(const struct suite *s, struct bytes input, uint8_t out[static SUITE_HASH_MAX])
{
        must(EVP_Q_digest(NULL, s->digest, NULL, input.data, input.size, out, NULL));
}

static void mac(const char *digest, struct bytes key, struct bytes input, uint8_t out[static SUITE_HASH_MAX])
{
        static const uint8_t empty[1];

        must(EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, key.data ? key.data : empty, key.size, input.data, input.size,
                       out, SUITE_HASH_MAX, NULL) != NULL);
}

void suite_mac(const struct suite *s, struct bytes key, struct bytes input, uint8_t out[static SUITE_HASH_MAX])
{
        mac(s->digest, key, input, out);
}

void suite_ref_hash(const struct suite *s, const char *label, struct bytes value, uint8_t out[static SUITE_HASH_MAX])
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_vector(&w, BYTES_STRING(label));
        write_vector(&w, value);
        must(writer_finish(&w) == 0);
        suite_hash(s, writer_bytes(&w), out);
}

static size_t digest_size(const char *digest)
{
        return strcmp(digest, "SHA256") == 0 ? 32 : strcmp(digest, "SHA384") == 0 ? 48 : 64;
}

struct secret *kdf_extract(const char *digest, struct bytes salt, struct bytes ikm)
{
        uint8_t buffer[SUITE_HASH_MAX];
        struct secret *prk;

        mac(digest, salt, ikm, buffer);
        prk = secret_copy(BYTES(buffer, digest_size(digest)));
        explicit_bzero(buffer, sizeof(buffer));
        return prk;
}

struct secret *kdf_expand(const char *digest, struct bytes prk, struct bytes info, size_t size)
{
        size_t block = digest_size(digest), done = 0;
        struct secret *out = secret_new(size);
        uint8_t t[SUITE_HASH_MAX];

        assert(size <= 255 * block);
        for (uint8_t counter = 1; done < size; counter++) {
                _cleanup_writer_ struct writer w = WRITER_INIT;
                size_t n = size - done < block ? size - done : block;

                if (counter > 1)
                        write_fixed(&w, BYTES(t, block));
                write_fixed(&w, info);
                write_u8(&w, counter);
                must(writer_finish(&w) == 0);
                mac(digest, prk, writer_bytes(&w), t);
                memcpy(out->data + done, t, n);
                done += n;
        }
        explicit_bzero(t, sizeof(t));
        return out;
}

struct secret *suite_extract(const struct suite *s, struct bytes salt, struct bytes ikm)
{
        return kdf_extract(s->digest, salt, ikm);
}

/* label<V> with "MLS 1.0 " in front. */
static void write_label(struct writer *w, const char *label)
{
        size_t mark = writer_open_vector(w);

        write_fixed(w, BYTES_STRING("MLS 1.0 "));
        write_fixed(w, BYTES_STRING(label));
        writer_close_vector(w, mark);
}

struct secret *suite_expand_with_label(const struct suite *s, const struct secret *secret, const char *label,
                                       struct bytes context, size_t size)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_u16(&w, (uint16_t) size);
        write_label(&w, label);
        write_vector(&w, context);
        must(writer_finish(&w) == 0);
        return kdf_expand(s->digest, secret_bytes(secret), writer_bytes(&w), size);
}

struct secret *suite_derive_secret(const struct suite *s, const struct secret *secret, const char *label)
{
        return suite_expand_with_label(s, secret, label, BYTES(NULL, 0), s->hash_size);
}

struct secret *suite_derive_tree_secret(const struct suite *s, const struct secret *secret, const char *label,
                                        uint32_t generation, size_t size)
{
        uint8_t context[4] = { (uint8_t) (generation >> 24), (uint8_t) (generation >> 16), (uint8_t) (generation >> 8),
                               (uint8_t) generation };

        return suite_expand_with_label(s, secret, label, BYTES_OF(context), size);
}
