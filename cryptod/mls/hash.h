/* The suites' hashes, and what is made of them: HMAC (RFC 2104) and HKDF (RFC 5869). All lengths are in bytes. */
#pragma once

#include <openssl/evp.h>

#include "services/bytes.h"
#include "services/secret.h"

enum { HASH_SIZE_MAX = 64 };

struct hash {
        uint16_t kdf_id;  /* of HKDF with it, RFC 9180 §7.2 */
        const char *name; /* OpenSSL's */
        size_t size, block_size;
        EVP_MD *_Atomic *md; /* fetched at the first use, for the process's life */
};

extern const struct hash hash_sha256, hash_sha384, hash_sha512;

const EVP_MD *hash_md(const struct hash *h);

/* Hash and HMAC: h->size bytes to @out. The input of the latter is the parts one after the other. */
void hash_digest(const struct hash *h, struct bytes input, uint8_t out[static HASH_SIZE_MAX]);
void hash_mac(const struct hash *h, struct bytes key, const struct bytes *parts, size_t count,
              uint8_t out[static HASH_SIZE_MAX]);

/* HKDF-Extract and HKDF-Expand. New secrets, owned by the caller. */
struct secret *hkdf_extract(const struct hash *h, struct bytes salt, struct bytes ikm);
struct secret *hkdf_expand(const struct hash *h, struct bytes prk, struct bytes info, size_t size);
