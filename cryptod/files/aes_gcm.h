/* AES-256-GCM (NIST SP 800-38D) with nonces of 12 bytes and tags of 16, one key for many calls. */
#pragma once

#include "services/bytes.h"
#include "services/secret.h"

enum { AES_GCM_KEY_SIZE = 32, AES_GCM_NONCE_SIZE = 12, AES_GCM_TAG_SIZE = 16 };

struct aes_gcm;

/* Either to seal or to open. The key is copied and wiped in the end. */
struct aes_gcm *aes_gcm_new(struct bytes key, bool seals);
struct aes_gcm *aes_gcm_free(struct aes_gcm *g);

/* Seals into @out, AES_GCM_TAG_SIZE bytes more than @plain. No nonce may come twice. */
void aes_gcm_seal(struct aes_gcm *g, const uint8_t nonce[static AES_GCM_NONCE_SIZE], struct bytes plain, uint8_t *out);

/* Opens @sealed, AES_GCM_TAG_SIZE bytes at least, into @out, so many bytes less. False, and @out is wiped, if the tag
 * is wrong. */
bool aes_gcm_open(struct aes_gcm *g, const uint8_t nonce[static AES_GCM_NONCE_SIZE], struct bytes sealed, uint8_t *out);
