/* Hybrid public key encryption, base mode (RFC 9180 §5.1.1, §6.1), over the suite's KEM, KDF and AEAD; OpenSSL 3.0 has
 * none. */
#pragma once

#include "cryptod/mls/suite.h"

/* DeriveKeyPair (§7.1.3): a private key from @ikm, its public key appended to @public_key. */
struct secret *hpke_derive_key_pair(const struct suite *s, struct bytes ikm, struct writer *public_key);

/* SealBase (§6.1): the encapsulated key is appended to @kem_output, the ciphertext to @ciphertext. -EBADMSG if
 * @public_key is none. */
int hpke_seal(const struct suite *s, struct bytes public_key, struct bytes info, struct bytes aad, struct bytes plain,
              struct writer *kem_output, struct writer *ciphertext);

/* OpenBase (§6.1): the plaintext is appended to @plain. -EBADMSG if anything does not fit. Here and below @public_key
 * is the receiver's own; it saves computing it, and may be empty. */
int hpke_open(const struct suite *s, const struct secret *private_key, struct bytes public_key, struct bytes kem_output,
              struct bytes info, struct bytes aad, struct bytes ciphertext, struct writer *plain);

/* SendExportBase and ReceiveExportBase (§6.2): @size exported bytes, for MLS's external commits. */
int hpke_send_export(const struct suite *s, struct bytes public_key, struct bytes info, struct bytes exporter_context,
                     size_t size, struct writer *kem_output, struct secret **out);
int hpke_receive_export(const struct suite *s, const struct secret *private_key, struct bytes public_key,
                        struct bytes kem_output, struct bytes info, struct bytes exporter_context, size_t size,
                        struct secret **out);

/* 0 if anybody can encrypt to that key, which somebody else has made. A member with another one would be in the way of
 * all commits of others. -EBADMSG */
int hpke_check_public_key(const struct suite *s, struct bytes public_key);

/* EncryptWithLabel and DecryptWithLabel (RFC 9420 §5.1.3). */
int hpke_encrypt_with_label(const struct suite *s, struct bytes public_key, const char *label, struct bytes context,
                            struct bytes plain, struct writer *kem_output, struct writer *ciphertext);
int hpke_decrypt_with_label(const struct suite *s, const struct secret *private_key, struct bytes public_key,
                            const char *label, struct bytes context, struct bytes kem_output, struct bytes ciphertext,
                            struct writer *plain);
