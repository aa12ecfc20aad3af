/* A client's identity: its credential, its signature key, and the key packages that it signs (RFC 9420 §5.3, §10). */
#pragma once

#include "cryptod/mls/key_package.h"

/* All borrowed. */
struct identity {
        const struct suite *suite;
        struct credential credential;
        struct bytes signature_key; /* public */
        const struct secret *signature_private_key;
};

/* What the holder of a key package keeps to itself. */
struct key_package_keys {
        struct secret *init_key, *leaf_key;
};

void key_package_keys_release(struct key_package_keys *k);

/* Appends a new KeyPackage, valid from @not_before to @not_after (seconds since 1970), marked as one that may be handed
 * out more than once if @last_resort. Its leaf offers every suite of the table and the credential's own type. */
int identity_key_package(const struct identity *i, uint64_t not_before, uint64_t not_after, bool last_resort,
                         struct writer *out, struct key_package_keys *keys);
