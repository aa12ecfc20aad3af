/* Whether a leaf may stand in a group (RFC 9420 §7.3). Who its credential names is the application's to judge. */
#pragma once

#include "cryptod/mls/ratchet_tree.h"

/* Checks the leaf that stands at @leaf of @t, within a group context with @group_id and @extensions: its signature, its
 * abilities against what it uses, what the group requires and what the other members use (and theirs against it), keys
 * that nobody else and no parent has. -EBADMSG, -EPROTONOSUPPORT for lacking abilities. */
int leaf_node_validate(const struct ratchet_tree *t, uint32_t leaf, struct bytes group_id, struct bytes extensions);

/* Checks that every member can do what extensions (a new group context's) require. -EPROTONOSUPPORT */
int group_extensions_validate(const struct ratchet_tree *t, struct bytes extensions);

/* Checks every leaf of a tree that arrives whole but for its signature and its keys, which ratchet_tree_validate() sees
 * to: abilities against what it uses, what the group requires, and the credential types of all. -EBADMSG,
 * -EPROTONOSUPPORT */
int leaf_nodes_validate(const struct ratchet_tree *t, struct bytes extensions);
