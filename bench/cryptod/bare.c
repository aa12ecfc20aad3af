#include "bench/cryptod/bare.h"

#include <err.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "bench/stopwatch.h"
#include "cryptod/mls/key.h"
#include "cryptod/mls/openssl_cleanup.h"

enum { SIZE_MAX_BARE = 1 << 20, TAG_SIZE = 16, HPKE_HMACS = 7 };

struct bare {
        const struct suite *suite;
        EVP_PKEY *signer, *own, *peer;
        EVP_CIPHER *cipher;
        EVP_CIPHER_CTX *cipher_context;
        EVP_MD_CTX *md_context;
        EVP_MAC *mac;
        EVP_MAC_CTX *mac_context;
        uint8_t *in, *out; /* zeroes, and where results go */
        uint8_t key[32], nonce[12], tag[TAG_SIZE];
};

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

struct bare *bare_new(const struct suite *s)
{
        struct bare *b = calloc(1, sizeof(*b));

        must(b != NULL);
        b->suite = s;
        b->signer = key_generate(s->signature->type);
        b->own = key_generate(group_of(s));
        b->peer = key_generate(group_of(s));
        b->cipher = EVP_CIPHER_fetch(NULL, s->aead->name, NULL);
        b->cipher_context = EVP_CIPHER_CTX_new();
        b->md_context = EVP_MD_CTX_new();
        b->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        b->mac_context = EVP_MAC_CTX_new(b->mac);
        b->in = calloc(1, SIZE_MAX_BARE);
        b->out = calloc(1, SIZE_MAX_BARE);
        OSSL_PARAM digest[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *) s->hash->name, 0),
                OSSL_PARAM_construct_end(),
        };
        must(b->cipher && b->cipher_context && b->md_context && b->mac_context && b->in && b->out &&
             EVP_MAC_init(b->mac_context, b->in, s->hash_size, digest) == 1);
        return b;
}

struct bare *bare_free(struct bare *b)
{
        EVP_PKEY_free(b->signer);
        EVP_PKEY_free(b->own);
        EVP_PKEY_free(b->peer);
        EVP_CIPHER_free(b->cipher);
        EVP_CIPHER_CTX_free(b->cipher_context);
        EVP_MD_CTX_free(b->md_context);
        EVP_MAC_CTX_free(b->mac_context);
        EVP_MAC_free(b->mac);
        free(b->in);
        free(b->out);
        free(b);
        return NULL;
}

static size_t sign(struct bare *b, size_t size)
{
        _cleanup_openssl_(EVP_MD_CTX) EVP_MD_CTX *c = EVP_MD_CTX_new();
        size_t made = SUITE_SIGNATURE_MAX;

        must(size <= SIZE_MAX_BARE &&
             EVP_DigestSignInit_ex(c, NULL, b->suite->signature->digest, NULL, NULL, b->signer, NULL) == 1 &&
             EVP_DigestSign(c, b->out, &made, b->in, size) == 1);
        return made;
}

uint64_t bare_sign(struct bare *b, size_t size)
{
        uint64_t start = cpu_ns();

        sign(b, size);
        return cpu_ns() - start;
}

uint64_t bare_verify(struct bare *b, size_t size)
{
        _cleanup_openssl_(EVP_MD_CTX) EVP_MD_CTX *c = EVP_MD_CTX_new();
        size_t made = sign(b, size);
        uint64_t start = cpu_ns();

        must(EVP_DigestVerifyInit_ex(c, NULL, b->suite->signature->digest, NULL, NULL, b->signer, NULL) == 1 &&
             EVP_DigestVerify(c, b->out, made, b->in, size) == 1);
        return cpu_ns() - start;
}

static void seal(struct bare *b, size_t size)
{
        int n;

        must(size <= SIZE_MAX_BARE && EVP_EncryptInit_ex2(b->cipher_context, b->cipher, b->key, b->nonce, NULL) == 1 &&
             EVP_EncryptUpdate(b->cipher_context, b->out, &n, b->in, (int) size) == 1 &&
             EVP_EncryptFinal_ex(b->cipher_context, b->out + n, &n) == 1 &&
             EVP_CIPHER_CTX_ctrl(b->cipher_context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, b->tag) == 1);
}

/* Opens in place what was sealed. */
static void open_sealed(struct bare *b, size_t size)
{
        int n;

        must(EVP_DecryptInit_ex2(b->cipher_context, b->cipher, b->key, b->nonce, NULL) == 1 &&
             EVP_DecryptUpdate(b->cipher_context, b->out, &n, b->out, (int) size) == 1 &&
             EVP_CIPHER_CTX_ctrl(b->cipher_context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, b->tag) == 1 &&
             EVP_DecryptFinal_ex(b->cipher_context, b->out + n, &n) == 1);
}

uint64_t bare_seal(struct bare *b, size_t size)
{
        uint64_t start = cpu_ns();

        seal(b, size);
        return cpu_ns() - start;
}

uint64_t bare_open(struct bare *b, size_t size)
{
        seal(b, size);
        uint64_t start = cpu_ns();

        open_sealed(b, size);
        return cpu_ns() - start;
}

uint64_t bare_hash(struct bare *b, size_t size)
{
        uint64_t start = cpu_ns();

        must(size <= SIZE_MAX_BARE && EVP_DigestInit_ex2(b->md_context, hash_md(b->suite->hash), NULL) == 1 &&
             EVP_DigestUpdate(b->md_context, b->in, size) == 1 && EVP_DigestFinal_ex(b->md_context, b->out, NULL) == 1);
        return cpu_ns() - start;
}

static void agree(EVP_PKEY *own, EVP_PKEY *peer)
{
        _cleanup_openssl_(EVP_PKEY_CTX) EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
        uint8_t secret[SUITE_PUBLIC_KEY_MAX];
        size_t size = sizeof(secret);

        must(EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer_ex(c, peer, 0) == 1 &&
             EVP_PKEY_derive(c, secret, &size) == 1);
}

static void hmacs(struct bare *b, unsigned count)
{
        size_t size;

        for (unsigned i = 0; i < count; i++)
                must(EVP_MAC_init(b->mac_context, b->in, b->suite->hash_size, NULL) == 1 &&
                     EVP_MAC_update(b->mac_context, b->in, 100) == 1 &&
                     EVP_MAC_final(b->mac_context, b->out, &size, SUITE_HASH_MAX) == 1);
}

uint64_t bare_hmacs(struct bare *b, unsigned count)
{
        uint64_t start = cpu_ns();

        hmacs(b, count);
        return cpu_ns() - start;
}

uint64_t bare_generate(struct bare *b)
{
        uint64_t start = cpu_ns();

        EVP_PKEY_free(key_generate(group_of(b->suite)));
        return cpu_ns() - start;
}

uint64_t bare_hpke_seal(struct bare *b)
{
        uint64_t start = cpu_ns();
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *ephemeral = key_generate(group_of(b->suite));

        agree(ephemeral, b->peer);
        hmacs(b, HPKE_HMACS);
        seal(b, b->suite->hash_size);
        return cpu_ns() - start;
}

uint64_t bare_hpke_open(struct bare *b)
{
        seal(b, b->suite->hash_size);
        uint64_t start = cpu_ns();

        agree(b->own, b->peer);
        open_sealed(b, b->suite->hash_size);
        hmacs(b, HPKE_HMACS);
        return cpu_ns() - start;
}
