/* An invitation's token: 16 random bytes in base64url, which a hub's owner gives to a newcomer. The store has its
 * SHA-256 alone, so that who reads a copy of the store cannot come in. */
#pragma once

#include <stdint.h>

#include "services/bytes.h"
#include "store/store.h"

/* A new token, owned by the caller, and its hash; -ENOMEM, -EIO. */
int invitation_new(char **token, uint8_t hash[static STORE_TOKEN_HASH_SIZE]);

/* The hash of what somebody calls a token; -EIO. */
int invitation_hash(struct bytes token, uint8_t hash[static STORE_TOKEN_HASH_SIZE]);
