/* The suites' AEAD (RFC 5116), over EVP. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/openssl_cleanup.h"
#include "cryptod/mls/suite.h"

static EVP_CIPHER *_Atomic aes128gcm, *_Atomic aes256gcm, *_Atomic chacha20poly1305;

const struct aead aead_aes128gcm = { 0x0001, "AES-128-GCM", &aes128gcm };
const struct aead aead_aes256gcm = { 0x0002, "AES-256-GCM", &aes256gcm };
const struct aead aead_chacha20poly1305 = { 0x0003, "ChaCha20-Poly1305", &chacha20poly1305 };

static const EVP_CIPHER *fetch(const struct aead *a)
{
        EVP_CIPHER *cipher = atomic_load(a->cipher), *made;

        if (cipher)
                return cipher;
        made = EVP_CIPHER_fetch(NULL, a->name, NULL);
        if (!made)
                abort();
        if (atomic_compare_exchange_strong(a->cipher, &cipher, made))
                return made;
        EVP_CIPHER_free(made); /* another thread was first */
        return cipher;
}

static EVP_CIPHER_CTX *start(const struct suite *s, const struct secret *key, const struct secret *nonce,
                             struct bytes aad, bool encrypt)
{
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        int n;

        if (!context || key->size != s->aead_key_size || nonce->size != SUITE_NONCE_SIZE || aad.size > INT_MAX ||
            EVP_CipherInit_ex2(context, fetch(s->aead), key->data, nonce->data, encrypt, NULL) != 1 ||
            (aad.size > 0 && EVP_CipherUpdate(context, NULL, &n, aad.data, (int) aad.size) != 1))
                abort();
        return context;
}

static void seal(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                 struct bytes plain, uint8_t *sealed)
{
        _cleanup_openssl_(EVP_CIPHER_CTX) EVP_CIPHER_CTX *context = start(s, key, nonce, aad, true);
        int n = 0, last;

        if ((plain.size > 0 && EVP_CipherUpdate(context, sealed, &n, plain.data, (int) plain.size) != 1) ||
            EVP_CipherFinal_ex(context, sealed + n, &last) != 1 ||
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SUITE_TAG_SIZE, sealed + plain.size) != 1)
                abort();
}

int suite_seal(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
               struct bytes plain, struct writer *out)
{
        uint8_t *sealed;

        if (plain.size > INT_MAX - SUITE_TAG_SIZE)
                return -EMSGSIZE;
        sealed = writer_append(out, plain.size + SUITE_TAG_SIZE);
        if (sealed)
                seal(s, key, nonce, aad, plain, sealed);
        return writer_finish(out);
}

void suite_seal_in_place(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                         uint8_t *data, size_t size)
{
        assert(size <= INT_MAX - SUITE_TAG_SIZE);
        seal(s, key, nonce, aad, BYTES(data, size), data);
}

int suite_open(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
               struct bytes sealed, struct writer *out)
{
        _cleanup_openssl_(EVP_CIPHER_CTX) EVP_CIPHER_CTX *context = NULL;
        uint8_t *plain;
        size_t size;
        int n = 0, last;

        if (sealed.size < SUITE_TAG_SIZE || sealed.size > INT_MAX)
                return -EBADMSG;
        size = sealed.size - SUITE_TAG_SIZE;
        plain = writer_append(out, size);
        if (!plain)
                return writer_finish(out);
        context = start(s, key, nonce, aad, false);
        if ((size > 0 && EVP_CipherUpdate(context, plain, &n, sealed.data, (int) size) != 1) ||
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, SUITE_TAG_SIZE, (void *) (sealed.data + size)) != 1 ||
            EVP_CipherFinal_ex(context, plain + n, &last) != 1) {
                explicit_bzero(plain, size);
                out->size -= size;
                return -EBADMSG;
        }
        return 0;
}
