#include "cryptod/mls/hash.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/openssl_cleanup.h"

enum { BLOCK_SIZE_MAX = 128 };

static EVP_MD *_Atomic sha256, *_Atomic sha384, *_Atomic sha512;

const struct hash hash_sha256 = { 0x0001, "SHA256", 32, 64, &sha256 };
const struct hash hash_sha384 = { 0x0002, "SHA384", 48, 128, &sha384 };
const struct hash hash_sha512 = { 0x0003, "SHA512", 64, 128, &sha512 };

/* A primitive that fails on good arguments means that OpenSSL is broken or memory is exhausted: no key may come of it.
 */
static void must(bool good)
{
        if (!good)
                abort();
}

const EVP_MD *hash_md(const struct hash *h)
{
        EVP_MD *md = atomic_load(h->md), *made;

        if (md)
                return md;
        made = EVP_MD_fetch(NULL, h->name, NULL);
        must(made != NULL);
        if (atomic_compare_exchange_strong(h->md, &md, made))
                return made;
        EVP_MD_free(made); /* another thread was first */
        return md;
}

static void update(EVP_MD_CTX *context, struct bytes input)
{
        must(input.size == 0 || EVP_DigestUpdate(context, input.data, input.size) == 1);
}

void hash_digest(const struct hash *h, struct bytes input, uint8_t out[static HASH_SIZE_MAX])
{
        _cleanup_openssl_(EVP_MD_CTX) EVP_MD_CTX *context = EVP_MD_CTX_new();

        must(context && EVP_DigestInit_ex2(context, hash_md(h), NULL) == 1);
        update(context, input);
        must(EVP_DigestFinal_ex(context, out, NULL) == 1);
}

void hash_mac(const struct hash *h, struct bytes key, const struct bytes *parts, size_t count,
              uint8_t out[static HASH_SIZE_MAX])
{
        _cleanup_openssl_(EVP_MD_CTX) EVP_MD_CTX *context = EVP_MD_CTX_new();
        uint8_t pad[BLOCK_SIZE_MAX] = { 0 }, inner[HASH_SIZE_MAX];

        if (key.size > h->block_size)
                hash_digest(h, key, pad);
        else if (key.size > 0)
                memcpy(pad, key.data, key.size);
        for (size_t i = 0; i < h->block_size; i++)
                pad[i] ^= 0x36;
        must(context && EVP_DigestInit_ex2(context, hash_md(h), NULL) == 1);
        update(context, BYTES(pad, h->block_size));
        for (size_t i = 0; i < count; i++)
                update(context, parts[i]);
        must(EVP_DigestFinal_ex(context, inner, NULL) == 1);
        for (size_t i = 0; i < h->block_size; i++)
                pad[i] ^= 0x36 ^ 0x5c;
        must(EVP_DigestInit_ex2(context, NULL, NULL) == 1);
        update(context, BYTES(pad, h->block_size));
        update(context, BYTES(inner, h->size));
        must(EVP_DigestFinal_ex(context, out, NULL) == 1);
        explicit_bzero(pad, sizeof(pad));
        explicit_bzero(inner, sizeof(inner));
}

struct secret *hkdf_extract(const struct hash *h, struct bytes salt, struct bytes ikm)
{
        uint8_t prk[HASH_SIZE_MAX];
        struct secret *out;

        hash_mac(h, salt, &ikm, 1, prk);
        out = secret_copy(BYTES(prk, h->size));
        explicit_bzero(prk, sizeof(prk));
        return out;
}

struct secret *hkdf_expand(const struct hash *h, struct bytes prk, struct bytes info, size_t size)
{
        struct secret *out = secret_new(size);
        uint8_t t[HASH_SIZE_MAX];

        assert(size <= 255 * h->size);
        for (size_t done = 0; done < size; done += h->size) {
                uint8_t counter = (uint8_t) (done / h->size + 1);
                struct bytes parts[] = { BYTES(t, done > 0 ? h->size : 0), info, BYTES(&counter, 1) };

                hash_mac(h, prk, parts, 3, t);
                memcpy(out->data + done, t, size - done < h->size ? size - done : h->size);
        }
        explicit_bzero(t, sizeof(t));
        return out;
}
