/* The ratchet tree (RFC 9420 §7): who is in a group, and under which public keys each part of it can be reached.
 *
 * It holds public state alone. Leaves stand at even indices (tree_math.h); the array always has the width of a full
 * tree, blank nodes included. A node never changes once it is made, only gives way to another, so the trees of
 * successive epochs share what they have in common. The views of leaf_node and parent_node point into its bytes. */
#pragma once

#include "cryptod/mls/node_array.h"

struct ratchet_tree {
        const struct suite *suite;
        uint32_t leaves; /* a power of two; 0 for a tree without any */
        struct node_array nodes;
};

void ratchet_tree_release(struct ratchet_tree *t);

/* A copy that changes apart, for a change that may turn out to be refused. Copies belong to one thread. */
void ratchet_tree_copy(const struct ratchet_tree *t, struct ratchet_tree *out);

/* The ratchet_tree extension's content, optional<Node> ratchet_tree<V>. Refused: a blank last node, node types that do
 * not fit their places, malformed nodes, more than TREE_LEAVES_MAX leaves, more blank nodes than those that are not
 * blank justify (a few bytes must not cost a wide tree's memory and hashes). -EBADMSG. Signatures and hashes are
 * ratchet_tree_validate()'s. */
int ratchet_tree_read(const struct suite *s, struct reader *r, struct ratchet_tree *out);

void ratchet_tree_write(const struct ratchet_tree *t, struct writer *w);

/* One node as optional<Node>, blank if it lies outside; and back, into its place. -EBADMSG */
void ratchet_tree_write_node(const struct ratchet_tree *t, uint32_t node, struct writer *w);
int ratchet_tree_read_node(struct ratchet_tree *t, uint32_t node, struct reader *r);

/* Makes the tree @leaves wide, a power of two; nodes beyond are blank already, or become so. */
void ratchet_tree_resize(struct ratchet_tree *t, uint32_t leaves);

/* What stands at a node; NULL if it is blank or lies outside. */
const struct tree_node *ratchet_tree_node(const struct ratchet_tree *t, uint32_t node);

/* The leaf at a leaf index, NULL if it is blank or lies outside. */
const struct leaf_node *ratchet_tree_leaf(const struct ratchet_tree *t, uint32_t leaf);
const struct parent_node *ratchet_tree_parent(const struct ratchet_tree *t, uint32_t node);

/* The public key of a node that is not blank. */
struct bytes ratchet_tree_key(const struct ratchet_tree *t, uint32_t node);

/* Adds at the leftmost blank leaf, widening the tree if there is none, and enters the leaf as unmerged above it (§7.7).
 * -E2BIG */
int ratchet_tree_add(struct ratchet_tree *t, struct bytes leaf_node, uint32_t *leaf);

/* Replaces a leaf and blanks its direct path. */
int ratchet_tree_update(struct ratchet_tree *t, uint32_t leaf, struct bytes leaf_node);

/* Blanks a leaf and its direct path, and narrows the tree while its right half is empty (§7.8). -ENOENT */
int ratchet_tree_remove(struct ratchet_tree *t, uint32_t leaf);

/* Sets a leaf alone, or a parent with no unmerged leaves, as an update path does. */
int ratchet_tree_set_leaf(struct ratchet_tree *t, uint32_t leaf, struct bytes leaf_node);
void ratchet_tree_set_parent(struct ratchet_tree *t, uint32_t node, struct bytes encryption_key,
                             struct bytes parent_hash);
void ratchet_tree_blank(struct ratchet_tree *t, uint32_t node);

/* A list of nodes; freed with free(). */
struct node_list {
        uint32_t *nodes;
        uint32_t count;
};

/* The resolution of a node (§4.1.1), without the leaves in @except (which may be NULL). */
struct node_list ratchet_tree_resolution(const struct ratchet_tree *t, uint32_t node, const struct node_list *except);

/* The filtered direct path of a leaf (§4.1.2) and, entry by entry, the child of each that lies on the copath. */
void ratchet_tree_filtered_path(const struct ratchet_tree *t, uint32_t leaf, struct node_list *path,
                                struct node_list *copath);

/* The tree hash of a subtree (§7.8), Nh bytes; computed where it is not known from before. The tree's own is that of
 * the root. */
void ratchet_tree_hash(const struct ratchet_tree *t, uint32_t node, uint8_t out[static SUITE_HASH_MAX]);

/* The parent hash that a child of @node stores, where @sibling is the node's other child (§7.9). Nh bytes. */
void ratchet_tree_parent_hash(const struct ratchet_tree *t, uint32_t node, uint32_t sibling,
                              uint8_t out[static SUITE_HASH_MAX]);

/* The checks of a tree that arrives whole (§12.4.3.1): every parent is parent-hash valid, leaves' signatures hold, keys
 * are unique and can be encrypted to, unmerged leaves are members below their node. -EBADMSG. Credentials are the
 * application's to validate. At most @threads threads verify signatures and keys. */
int ratchet_tree_validate(const struct ratchet_tree *t, struct bytes group_id, unsigned threads);
