#include "cryptod/mls/suite.h"

#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

static const struct signature_algorithm ed25519 = { "ED25519", NULL, 32, 32 }, ed448 = { "ED448", NULL, 57, 57 },
                                        p256 = { "P-256", "SHA256", 32, 65 }, p384 = { "P-384", "SHA384", 48, 97 },
                                        p521 = { "P-521", "SHA512", 66, 133 };

#define SHA256 &hash_sha256, 32
#define SHA384 &hash_sha384, 48
#define SHA512 &hash_sha512, 64
#define AES128GCM &aead_aes128gcm, 16
#define AES256GCM &aead_aes256gcm, 32
#define CHACHA20POLY1305 &aead_chacha20poly1305, 32

static const struct suite suites[] = {
        { 1, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", &kem_x25519, SHA256, AES128GCM, &ed25519 },
        { 2, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256", &kem_p256, SHA256, AES128GCM, &p256 },
        { 3, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519", &kem_x25519, SHA256, CHACHA20POLY1305, &ed25519 },
        { 4, "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448", &kem_x448, SHA512, AES256GCM, &ed448 },
        { 5, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521", &kem_p521, SHA512, AES256GCM, &p521 },
        { 6, "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448", &kem_x448, SHA512, CHACHA20POLY1305, &ed448 },
        { 7, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384", &kem_p384, SHA384, AES256GCM, &p384 },
        { 0xf002, "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519", &kem_mlkem768_x25519, SHA384, AES256GCM,
          &ed25519 },
        { 0xf004, "MLS_128_MLKEM768P256_AES256GCM_SHA384_P256", &kem_mlkem768_p256, SHA384, AES256GCM, &p256 },
        { 0xf005, "MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384", &kem_mlkem1024_p384, SHA384, AES256GCM, &p384 },
        { 83, "MLS_256_XWING_AES256GCM_SHA512_Ed25519", &kem_xwing, SHA512, AES256GCM, &ed25519 }, /* ts-mls's number */
};

static bool available(const struct suite *s)
{
        return !s->kem->available || s->kem->available(s->kem);
}

const struct suite *suite_at(unsigned index)
{
        for (size_t i = 0; i < COUNT_OF(suites); i++)
                if (available(&suites[i]) && index-- == 0)
                        return &suites[i];
        return NULL;
}

const struct suite *suite_by_id(uint16_t id)
{
        for (size_t i = 0; i < COUNT_OF(suites); i++)
                if (suites[i].id == id && available(&suites[i]))
                        return &suites[i];
        return NULL;
}

static const struct suite *named(const char *name)
{
        for (size_t i = 0; i < COUNT_OF(suites); i++)
                if (strcmp(suites[i].name, name) == 0)
                        return &suites[i];
        return NULL;
}

const struct suite *suite_by_name(const char *name)
{
        const struct suite *s = named(name);

        return s && available(s) ? s : NULL;
}

const struct suite *suite_default(void)
{
        const struct suite *hybrid = suite_by_name("MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384");

        return hybrid ? hybrid : suite_by_id(7);
}

bool suite_is_missing(const char *name)
{
        const struct suite *s = named(name);

        return s && !available(s);
}

static void must(bool good)
{
        if (!good)
                abort();
}

void suite_hash(const struct suite *s, struct bytes input, uint8_t out[static SUITE_HASH_MAX])
{
        hash_digest(s->hash, input, out);
}

void suite_mac(const struct suite *s, struct bytes key, struct bytes input, uint8_t out[static SUITE_HASH_MAX])
{
        hash_mac(s->hash, key, &input, 1, out);
}

void suite_ref_hash(const struct suite *s, const char *label, struct bytes value, uint8_t out[static SUITE_HASH_MAX])
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_vector(&w, BYTES_STRING(label));
        write_vector(&w, value);
        must(writer_finish(&w) == 0);
        suite_hash(s, writer_bytes(&w), out);
}

struct secret *suite_extract(const struct suite *s, struct bytes salt, struct bytes ikm)
{
        return hkdf_extract(s->hash, salt, ikm);
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
        return hkdf_expand(s->hash, secret_bytes(secret), writer_bytes(&w), size);
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
