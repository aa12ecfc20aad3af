/* Cipher suites (RFC 9420 §5.1, §17.1): one row a suite, and the operations that the protocol asks of it.
 *
 * Everything above this file speaks of "the suite's hash" or "a signature with a label" and never of an algorithm, so
 * that a new suite is a new row. All lengths are in bytes. Keys that are secret are struct secret; public ones are
 * plain bytes in the encoding that RFC 9420 §5.1.1 demands (raw for the X and Ed curves, uncompressed points for the
 * NIST curves). */
#pragma once

#include "services/bytes.h"
#include "services/secret.h"

enum { SUITE_HASH_MAX = 64, SUITE_PUBLIC_KEY_MAX = 133, SUITE_SIGNATURE_MAX = 144, SUITE_NONCE_SIZE = 12 };

/* A Diffie-Hellman group as HPKE's KEM (RFC 9180 §7.1). */
struct kem {
        uint16_t id;
        const char *group;   /* OpenSSL's name */
        const char *digest;  /* of the KEM's own HKDF */
        size_t secret_size;  /* Nsecret */
        size_t public_size;  /* Npk, and the size of an encapsulated key */
        size_t private_size; /* Nsk */
        uint8_t bitmask;     /* of DeriveKeyPair for NIST curves; 0 for X25519 and X448 */
};

struct suite {
        uint16_t id;
        const char *name; /* as in the IANA registry */
        struct kem kem;
        const char *digest; /* the suite's hash, for its KDF and its transcript */
        size_t hash_size;   /* Nh */
        uint16_t kdf_id;    /* RFC 9180 §7.2 */
        const char *aead;
        uint16_t aead_id;             /* RFC 9180 §7.3 */
        size_t aead_key_size;         /* Nk; the nonce always has 12 bytes, the tag 16 */
        const char *signature;        /* OpenSSL's key type, or the group of an EC key */
        const char *signature_digest; /* for ECDSA; NULL for EdDSA */
        size_t signature_private_size;
        size_t signature_public_size;
};

/* The row of an IANA number or name; NULL if there is none. */
const struct suite *suite_by_id(uint16_t id);
const struct suite *suite_by_name(const char *name);

/* The rows one by one, from 0; NULL after the last. */
const struct suite *suite_at(unsigned index);

/* Hash and MAC (Nh bytes to @out). */
void suite_hash(const struct suite *s, struct bytes input, uint8_t out[static SUITE_HASH_MAX]);
void suite_mac(const struct suite *s, struct bytes key, struct bytes input, uint8_t out[static SUITE_HASH_MAX]);

/* RefHash (§5.2): Nh bytes. */
void suite_ref_hash(const struct suite *s, const char *label, struct bytes value, uint8_t out[static SUITE_HASH_MAX]);

/* KDF.Extract and the labelled KDF functions (§8). New secrets, owned by the caller. */
struct secret *suite_extract(const struct suite *s, struct bytes salt, struct bytes ikm);
struct secret *suite_expand_with_label(const struct suite *s, const struct secret *secret, const char *label,
                                       struct bytes context, size_t size);
struct secret *suite_derive_secret(const struct suite *s, const struct secret *secret, const char *label);

/* DeriveTreeSecret (§9): the generation is the context. */
struct secret *suite_derive_tree_secret(const struct suite *s, const struct secret *secret, const char *label,
                                        uint32_t generation, size_t size);

/* AEAD. Sealing appends ciphertext and tag to @out, opening the plaintext: nothing of it, and -EBADMSG, if anything was
 * changed. */
int suite_seal(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
               struct bytes plain, struct writer *out);
int suite_open(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
               struct bytes sealed, struct writer *out);

/* A new signature key pair; the public key is appended to @public_key. */
struct secret *suite_signature_generate(const struct suite *s, struct writer *public_key);

/* SignWithLabel and VerifyWithLabel (§5.1.2). Signing appends the signature to @out. Verifying gives -EBADMSG for a
 * signature that does not hold, and for a public key that is none. */
int suite_sign_with_label(const struct suite *s, const struct secret *private_key, const char *label,
                          struct bytes content, struct writer *out);
int suite_verify_with_label(const struct suite *s, struct bytes public_key, const char *label, struct bytes content,
                            struct bytes signature);

/* KDF.Extract and KDF.Expand of any digest (RFC 5869), for HPKE. */
struct secret *kdf_extract(const char *digest, struct bytes salt, struct bytes ikm);
struct secret *kdf_expand(const char *digest, struct bytes prk, struct bytes info, size_t size);
