/* See invitation.h. */
#include "invitation.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "services/cleanup.h"
#include "services/seal.h"
#include "services/text.h"

enum { TOKEN_BYTES = 16 };

int invitation_hash(struct bytes token, uint8_t hash[static STORE_TOKEN_HASH_SIZE])
{
        unsigned size = STORE_TOKEN_HASH_SIZE;

        return EVP_Digest(token.data, token.size, hash, &size, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

int invitation_new(char **token, uint8_t hash[static STORE_TOKEN_HASH_SIZE])
{
        uint8_t bytes[TOKEN_BYTES];
        _cleanup_free_ char *text = NULL;

        random_fill(bytes, sizeof(bytes));
        text = base64url_encode(BYTES_OF(bytes));
        if (!text)
                return -ENOMEM;
        int r = invitation_hash(BYTES_STRING(text), hash);

        if (r >= 0)
                *token = TAKE(text);
        return r;
}
