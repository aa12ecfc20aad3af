/* See parts.h. */
#include <err.h>
#include <stdio.h>

#include "bench/cryptod/parts.h"
#include "cryptod/mls/key.h"
#include "cryptod/mls/openssl_cleanup.h"
#include "services/cleanup.h"
#include "services/seal.h"

enum { SIGN, VERIFY, SEAL, OPEN, GENERATE, AGREE, SIGN_WITH_LABEL, VERIFY_WITH_LABEL, OPERATIONS };

static struct series took[OPERATIONS];
static const struct suite *suite;
static EVP_PKEY *signer, *other;
static const struct bytes none;
static const uint8_t plain[PAYLOAD];

static void must(bool good)
{
        if (!good)
                errx(1, "a primitive fails");
}

/* OpenSSL's name of the KEM's group. */
static const char *group_of(const struct suite *s)
{
        return s->kem == &kem_x25519 ? "X25519" : s->kem == &kem_x448 ? "X448" : s->signature->type;
}

static void signature(const struct suite *s, EVP_PKEY *key)
{
        _cleanup_openssl_(EVP_MD_CTX) EVP_MD_CTX *signing = EVP_MD_CTX_new(), *verifying = EVP_MD_CTX_new();
        uint8_t made[SUITE_SIGNATURE_MAX];
        size_t size = sizeof(made);
        uint64_t start = cpu_ns();

        must(EVP_DigestSignInit_ex(signing, NULL, s->signature->digest, NULL, NULL, key, NULL) == 1);
        must(EVP_DigestSign(signing, made, &size, plain, sizeof(plain)) == 1);
        series_add(&took[SIGN], cpu_ns() - start);

        start = cpu_ns();
        must(EVP_DigestVerifyInit_ex(verifying, NULL, s->signature->digest, NULL, NULL, key, NULL) == 1);
        must(EVP_DigestVerify(verifying, made, size, plain, sizeof(plain)) == 1);
        series_add(&took[VERIFY], cpu_ns() - start);
}

static void agreement(const struct suite *s, EVP_PKEY *peer)
{
        uint64_t start = cpu_ns();
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *own = key_generate(group_of(s));

        series_add(&took[GENERATE], cpu_ns() - start);

        uint8_t secret[SUITE_PUBLIC_KEY_MAX];
        size_t size = sizeof(secret);
        start = cpu_ns();
        _cleanup_openssl_(EVP_PKEY_CTX) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);

        must(EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1);
        must(EVP_PKEY_derive(context, secret, &size) == 1);
        series_add(&took[AGREE], cpu_ns() - start);
}

static void aead(const struct suite *s)
{
        _cleanup_secret_ struct secret *key = secret_random(s->aead_key_size), *nonce = secret_random(SUITE_NONCE_SIZE);
        _cleanup_writer_ struct writer sealed = WRITER_INIT, opened = WRITER_INIT;
        uint64_t start = cpu_ns();

        must(suite_seal(s, key, nonce, none, BYTES_OF(plain), &sealed) >= 0);
        series_add(&took[SEAL], cpu_ns() - start);
        start = cpu_ns();
        must(suite_open(s, key, nonce, none, writer_bytes(&sealed), &opened) >= 0);
        series_add(&took[OPEN], cpu_ns() - start);
}

/* The same signature from keys as they are stored. */
static void with_label(const struct suite *s, EVP_PKEY *key)
{
        _cleanup_secret_ struct secret *private_key = key_private(key, s->signature->private_size);
        _cleanup_writer_ struct writer public_key = WRITER_INIT, made = WRITER_INIT;
        must(key_write_public(key, &public_key) >= 0);
        uint64_t start = cpu_ns();

        must(suite_sign_with_label(s, private_key, "bench", BYTES_OF(plain), &made) >= 0);
        series_add(&took[SIGN_WITH_LABEL], cpu_ns() - start);
        start = cpu_ns();
        must(suite_verify_with_label(s, writer_bytes(&public_key), "bench", BYTES_OF(plain), writer_bytes(&made)) >= 0);
        series_add(&took[VERIFY_WITH_LABEL], cpu_ns() - start);
}

void primitives_begin(const struct suite *s)
{
        for (size_t i = 0; i < OPERATIONS; i++)
                took[i].count = 0;
        suite = s;
        signer = key_generate(s->signature->type);
        other = key_generate(group_of(s));
}

void primitives_round(void)
{
        signature(suite, signer);
        aead(suite);
        agreement(suite, other);
        with_label(suite, signer);
}

struct primitives primitives_end(bool print)
{
        double ms[OPERATIONS];

        for (size_t i = 0; i < OPERATIONS; i++)
                ms[i] = series_median(&took[i]);
        EVP_PKEY_free(signer);
        EVP_PKEY_free(other);
        if (print) {
                printf("\n%s, over %d bytes, processor time:\n"
                       "    sign %.3f ms, verify %.3f ms, seal %.4f ms, open %.4f ms, generate %.3f ms, agree %.3f "
                       "ms\n",
                       suite->name, PAYLOAD, ms[SIGN], ms[VERIFY], ms[SEAL], ms[OPEN], ms[GENERATE], ms[AGREE]);
                series_report(&took[SIGN_WITH_LABEL], "SignWithLabel with a stored key", ms[SIGN], "sign");
                series_report(&took[VERIFY_WITH_LABEL], "VerifyWithLabel with a stored key", ms[VERIFY], "verify");
        }
        return (struct primitives){ ms[SIGN] + ms[SEAL], ms[VERIFY] + ms[OPEN], ms[SIGN] + ms[GENERATE] + ms[AGREE],
                                    ms[VERIFY] + ms[AGREE] };
}
