/* See aes_gcm.h. */
#include "cryptod/files/aes_gcm.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "services/log.h"

struct aes_gcm {
        EVP_CIPHER_CTX *context;
        bool seals;
};

/* What OpenSSL refuses here is memory or a broken installation; nothing sensible can follow. */
static void must(bool ok)
{
        if (ok)
                return;
        log_fields(LOG_CRIT, NULL,
                   "OpenSSL failed in an operation that cannot fail; stopping. Check its installation and memory.");
        abort();
}

struct aes_gcm *aes_gcm_new(struct bytes key, bool seals)
{
        struct aes_gcm *g = calloc(1, sizeof(*g));

        assert(key.size == AES_GCM_KEY_SIZE);
        must(g != NULL);
        g->seals = seals;
        g->context = EVP_CIPHER_CTX_new();
        must(g->context && EVP_CipherInit_ex2(g->context, EVP_aes_256_gcm(), key.data, NULL, seals, NULL) == 1);
        return g;
}

struct aes_gcm *aes_gcm_free(struct aes_gcm *g)
{
        if (!g)
                return NULL;
        EVP_CIPHER_CTX_free(g->context);
        free(g);
        return NULL;
}

static void start(struct aes_gcm *g, const uint8_t *nonce, struct bytes input, uint8_t *out)
{
        int n = 0;

        assert(input.size <= INT32_MAX);
        must(EVP_CipherInit_ex2(g->context, NULL, NULL, nonce, -1, NULL) == 1);
        if (input.size > 0)
                must(EVP_CipherUpdate(g->context, out, &n, input.data, (int) input.size) == 1);
}

void aes_gcm_seal(struct aes_gcm *g, const uint8_t nonce[static AES_GCM_NONCE_SIZE], struct bytes plain, uint8_t *out)
{
        uint8_t *tag = out + plain.size;
        int n = 0;

        assert(g->seals);
        start(g, nonce, plain, out);
        must(EVP_CipherFinal_ex(g->context, tag, &n) == 1);
        must(EVP_CIPHER_CTX_ctrl(g->context, EVP_CTRL_AEAD_GET_TAG, AES_GCM_TAG_SIZE, tag) == 1);
}

bool aes_gcm_open(struct aes_gcm *g, const uint8_t nonce[static AES_GCM_NONCE_SIZE], struct bytes sealed, uint8_t *out)
{
        size_t size = sealed.size - AES_GCM_TAG_SIZE;
        struct reader r;
        int n = 0;

        assert(!g->seals && sealed.size >= AES_GCM_TAG_SIZE);
        reader_init(&r, sealed);
        struct bytes text = read_fixed(&r, size), tag = read_fixed(&r, AES_GCM_TAG_SIZE);
        start(g, nonce, text, out);
        must(EVP_CIPHER_CTX_ctrl(g->context, EVP_CTRL_AEAD_SET_TAG, AES_GCM_TAG_SIZE, (void *) tag.data) == 1);
        if (EVP_CipherFinal_ex(g->context, out + size, &n) == 1)
                return true;
        explicit_bzero(out, size);
        return false;
}
