/* A client's identity: its credential, its signature key, and the key packages that it signs (RFC 9420 §5.3, §10). */
#pragma once

#include "cryptod/mls/key_package.h"

/* All borrowed. */
struct identity {
        const struct suite *suite;
        struct credential credential;
        struct bytes signature_key; /* public */
        const struct secret *signature_private_key;
        /* What the application can do beyond the protocol itself, as lists of uint16; may be empty. The credential's
         * own type need not be named. */
        struct bytes extension_types, credential_types;
        /* The content of extensions<V> of a leaf and of a key package, of types that are named above. */
        struct bytes leaf_extensions, key_package_extensions;
};

/* What the holder of a key package keeps to itself. */
struct key_package_keys {
        struct secret *init_key, *leaf_key;
};

void key_package_keys_release(struct key_package_keys *k);

/* Appends a new KeyPackage, valid from @not_before to @not_after (seconds since 1970), marked as one that may be handed
 * out more than once if @last_resort. Its leaf offers every suite of the table, the credential's own type and what @i
 * names, among values that mean nothing (grease.h). */
int identity_key_package(const struct identity *i, uint64_t not_before, uint64_t not_after, bool last_resort,
                         struct writer *out, struct key_package_keys *keys);

/* The leaf of an identity but for its keys and source; its views point into @i and into @lists, which is filled. */
int identity_leaf(const struct identity *i, struct writer *lists, struct leaf_node *out);
