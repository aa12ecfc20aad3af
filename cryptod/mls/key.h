/* Raw key bytes as OpenSSL's EVP_PKEY and back, for all curves of the suites alike. */
#pragma once

#include <openssl/evp.h>

#include "services/bytes.h"
#include "services/secret.h"

/* @type: "X25519", "X448", "ED25519", "ED448", "P-256", "P-384", "P-521". A public point of a NIST curve must be
 * uncompressed and on the curve. -EBADMSG if the bytes are no key of that type. The caller frees with EVP_PKEY_free().
 */
int key_from_public(const char *type, struct bytes public_key, EVP_PKEY **out);

/* 0 if anybody can agree on a secret with that key: it is one, and no point of small order. Else -EBADMSG. */
int key_check_public(const char *type, struct bytes public_key);

/* A private key. @public_key, which must belong to it, saves computing it; it may be empty. -EBADMSG if a scalar is
 * zero or not below the order. */
int key_from_private(const char *type, const struct secret *private_key, struct bytes public_key, EVP_PKEY **out);

/* 0 if key_from_private() will take it, a key of @size bytes, without what that computes. -EBADMSG */
int key_check_private(const char *type, const struct secret *private_key, size_t size);

/* A new pair. */
EVP_PKEY *key_generate(const char *type);

/* Diffie-Hellman: @size shared bytes. -EBADMSG if the result is the all-zero one of X25519 or X448 (RFC 9180 §7.1.4).
 */
int key_agree(EVP_PKEY *own, EVP_PKEY *peer, size_t size, struct secret **out);

/* The public key's bytes, appended to @out; the private key's, as a secret of @size bytes. */
int key_write_public(EVP_PKEY *key, struct writer *out);
struct secret *key_private(EVP_PKEY *key, size_t size);
