/* Who a device belongs to: the content of its MLS credential (a basic one, RFC 9420 §5.3).
 *
 *     struct {
 *         uint8 version = 1;
 *         opaque address<V>;       name@host:port, as services/address.h writes it
 *         opaque root_key<V>;      the account's root key, public
 *         opaque signature<V>;     SignWithLabel(root key, "Visavis device", DeviceTBS)
 *     } DeviceCredential;
 *
 *     struct { opaque address<V>; opaque signature_key<V>; } DeviceTBS;     the leaf's signature key
 *
 * A hub that makes up a key package would need the root key, which contacts remember from the first time on. */
#pragma once

#include "cryptod/mls/leaf_node.h"

struct device_credential {
        struct bytes address, root_key; /* views into the leaf */
};

/* Appends the content for a device's @signature_key (public), signed with the account's root key. */
int device_credential_write(const struct suite *s, struct bytes address, struct bytes root_key,
                            const struct secret *root_private_key, struct bytes signature_key, struct writer *out);

/* Reads a leaf's that was verified when it came. -EBADMSG, -EPROTONOSUPPORT */
int device_credential_peek(const struct leaf_node *leaf, struct device_credential *out);

/* Reads and verifies a leaf's. -EBADMSG if it is malformed, its address is not spelt as it should be, or the root key
 * did not sign it; -EPROTONOSUPPORT for a credential of another type or version. */
int device_credential_read(const struct suite *s, const struct leaf_node *leaf, struct device_credential *out);

/* Whether an address is spelt as services/address.h writes it: in another spelling it would stand beside the one that a
 * contact's root key is remembered for. */
bool address_is_canonical(struct bytes text);
