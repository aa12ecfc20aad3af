/* Where else a member of a group can be reached: an extension of our own in their leaf (RFC 9420 §7.2), so that it is
 * said in MLS, is signed by the device whose leaf it is, reaches whoever joins, and is replaced with the next commit of
 * theirs. A key package, which a hub hands out, has none.
 *
 *     struct { opaque address<V>; } addresses<V>;     extension type 0xf103, of those for private use
 *
 * name@host:port, as services/address.h writes it. Nobody proves that the address of another account is not theirs:
 * what is sent there is an envelope that only the group's members can open. */
#pragma once

#include "cryptod/conversation/device.h"
#include "cryptod/conversation/membership.h"

enum { EXTENSION_FURTHER_ADDRESSES = 0xf103 };

/* Appends the extension with the addresses of @d but for @own; nothing if there are none. */
void further_addresses_write(const struct device *d, struct bytes own, struct writer *extensions);

/* Whether our leaf in @m says something else than @d has, and can say that: it was made by who knew of the extension.
 */
bool further_addresses_due(const struct device *d, const struct membership *m);

/* Appends all extensions of our leaf in @m as they are to be. */
void further_addresses_renew(const struct device *d, const struct membership *m, struct writer *extensions);

/* The first further address in somebody's leaf that is on the hub of @beside and spelt as it should be: a view. */
bool further_address_beside(const struct leaf_node *leaf, struct bytes beside, struct bytes *out);

/* Appends, to the list of those who get an envelope of @m's, the addresses of the same people on each other hub of ours
 * where all of them are, in our order of preference. */
void further_addresses_ways(const struct device *d, const struct membership *m, struct writer *recipients);
