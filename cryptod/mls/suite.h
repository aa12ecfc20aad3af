/* Cipher suites (RFC 9420 §5.1, §17.1): one row a suite, and the operations that the protocol asks of it.
 *
 * Everything above this file speaks of "the suite's hash" or "a signature with a label" and never of an algorithm, so
 * that a new suite is a new row. All lengths are in bytes. Keys that are secret are struct secret; public ones are
 * plain bytes in the encoding that RFC 9420 §5.1.1 demands (raw for the X and Ed curves, uncompressed points for the
 * NIST curves). */
#pragma once

#include "cryptod/mls/hash.h"
#include "cryptod/mls/kem.h"

enum {
        SUITE_HASH_MAX = HASH_SIZE_MAX,
        SUITE_PUBLIC_KEY_MAX = KEM_PUBLIC_KEY_MAX,
        SUITE_SIGNATURE_MAX = 144,
        SUITE_NONCE_SIZE = 12,
};

/* Authenticated encryption (RFC 5116). The nonce always has 12 bytes, the tag 16. */
struct aead {
        uint16_t id;                 /* RFC 9180 §7.3 */
        const char *name;            /* OpenSSL's */
        EVP_CIPHER *_Atomic *cipher; /* fetched at the first use, for the process's life */
};

extern const struct aead aead_aes128gcm, aead_aes256gcm, aead_chacha20poly1305;

struct signature_algorithm {
        const char *type;   /* OpenSSL's key type, or the group of an EC key */
        const char *digest; /* for ECDSA; NULL for EdDSA */
        size_t private_size, public_size;
};

struct suite {
        uint16_t id;
        const char *name; /* as in the IANA registry, or in the draft */
        const struct kem *kem;
        const struct hash *hash; /* for its KDF and its transcript */
        size_t hash_size;        /* Nh */
        const struct aead *aead;
        size_t aead_key_size; /* Nk */
        const struct signature_algorithm *signature;
};

/* The row of a number or name; NULL if there is none, or none that this OpenSSL can compute: the post-quantum suites of
 * draft-ietf-mls-pq-ciphersuites-06 need ML-KEM, which it has from 3.5 on. Their numbers are TBD in the draft: until
 * there are any, the third of ours, TBD5, is 0xF005 of the private range (RFC 9420 §17.1), and so on. */
const struct suite *suite_by_id(uint16_t id);
const struct suite *suite_by_name(const char *name);

/* For those who have no reason to choose (docs/decisions/default-suite.md): post-quantum where that is available. */
const struct suite *suite_default(void);

/* True for the name of a row that needs a later OpenSSL than this one. */
bool suite_is_missing(const char *name);

/* The available rows one by one, from 0; NULL after the last. */
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
 * changed. suite_seal_in_place() seals the first @size bytes at @data, behind which the tag finds SUITE_TAG_SIZE. */
enum { SUITE_TAG_SIZE = 16 };
void suite_seal_in_place(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                         uint8_t *data, size_t size);
int suite_seal(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
               struct bytes plain, struct writer *out);
int suite_open(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
               struct bytes sealed, struct writer *out);

/* A new signature key pair; the public key is appended to @public_key. */
struct secret *suite_signature_generate(const struct suite *s, struct writer *public_key);

/* A private signature key made ready for many signatures: what OpenSSL computes from it is computed once, at the first
 * one, since most groups that are opened are not spoken in. It is wiped when it is freed. Several threads may sign with
 * it. -EBADMSG if @private_key is none. */
struct signature_key;
int signature_key_new(const struct suite *s, const struct secret *private_key, struct signature_key **out);
struct signature_key *signature_key_free(struct signature_key *k);
void signature_key_release(struct signature_key **k);
#define _cleanup_signature_key_ __attribute__((cleanup(signature_key_release)))

/* The private key's bytes, as a new secret. */
struct secret *signature_key_private(const struct signature_key *k);

/* SignWithLabel and VerifyWithLabel (§5.1.2). Signing appends the signature to @out. Verifying gives -EBADMSG for a
 * signature that does not hold, and for a public key that is none. suite_sign_with_label() is for a key that signs
 * once. The pieces are a content that does not lie in one piece. */
struct pieces {
        const struct bytes *items;
        size_t count;
};
int signature_key_sign_pieces(const struct signature_key *k, const char *label, struct pieces content,
                              struct writer *out);
int suite_verify_pieces(const struct suite *s, struct bytes public_key, const char *label, struct pieces content,
                        struct bytes signature);
int signature_key_sign_with_label(const struct signature_key *k, const char *label, struct bytes content,
                                  struct writer *out);
int suite_sign_with_label(const struct suite *s, const struct secret *private_key, const char *label,
                          struct bytes content, struct writer *out);
int suite_verify_with_label(const struct suite *s, struct bytes public_key, const char *label, struct bytes content,
                            struct bytes signature);
