/* See aes_cbc.h. */
#include "cryptod/files/aes_cbc.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

void aes_cbc(const struct secret *key, bool encrypts, struct bytes iv, struct bytes input, uint8_t *out)
{
        EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        int n = 0;

        assert(key->size == AES_CBC_KEY_SIZE && iv.size == AES_CBC_BLOCK_SIZE && input.size % AES_CBC_BLOCK_SIZE == 0 &&
               input.size <= INT32_MAX);
        if (!c || EVP_CipherInit_ex2(c, EVP_aes_256_cbc(), key->data, iv.data, encrypts, NULL) != 1 ||
            EVP_CIPHER_CTX_set_padding(c, 0) != 1 ||
            (input.size > 0 && EVP_CipherUpdate(c, out, &n, input.data, (int) input.size) != 1) ||
            (size_t) n != input.size)
                abort(); /* no memory, or a broken installation */
        EVP_CIPHER_CTX_free(c);
}
