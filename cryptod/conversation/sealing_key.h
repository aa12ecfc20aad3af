/* An account's sealing key: what others seal files to (cryptod/files/cover.h). A key pair of the suite's KEM, derived
 * from the account's private root key, so that it lasts as long as that one and needs no place of its own. Others learn
 * it from the account's key packages, which carry it in an extension, signed with the root key:
 *
 *     struct {
 *         uint8 version = 1;
 *         opaque sealing_key<V>;
 *         opaque signature<V>;     SignWithLabel(root key, "Visavis sealing key", SealingKeyTBS)
 *     } SealingKey;                extension type 0xf102, of those for private use
 *
 *     struct { opaque address<V>; opaque sealing_key<V>; } SealingKeyTBS; */
#pragma once

#include "cryptod/mls/suite.h"

enum { EXTENSION_SEALING_KEY = 0xf102 };

/* DeriveKeyPair of HKDF-SHA-512(root private key, info: "visavis sealing key v1"), Nh bytes of it. The public key is
 * appended. */
struct secret *sealing_key_derive(const struct suite *s, const struct secret *root_private_key,
                                  struct writer *public_key);

/* Appends the extension. */
int sealing_key_write(const struct suite *s, struct bytes address, struct bytes sealing_key,
                      const struct secret *root_private_key, struct writer *extensions);

/* Finds the sealing key, a view, in a key package's extensions. -ENOENT if there is none, or of another version;
 * -EBADMSG if it is malformed, no key of the suite, or @root_key did not sign it. */
int sealing_key_read(const struct suite *s, struct bytes extensions, struct bytes address, struct bytes root_key,
                     struct bytes *sealing_key);
