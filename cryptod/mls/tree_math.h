/* Relations of nodes in a full binary tree that is stored as an array (RFC 9420 appendix C).
 *
 * Leaves have even indices, parents odd ones. A tree of n leaves, n a power of two, has 2n - 1 nodes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The largest tree that is accepted: 2^20 leaves, so that a path has at most 20 parents. */
enum { TREE_DEPTH_MAX = 20, TREE_LEAVES_MAX = 1 << TREE_DEPTH_MAX };

#define NODE_NONE UINT32_MAX

bool tree_leaves_valid(uint32_t leaves); /* a power of two up to TREE_LEAVES_MAX */
uint32_t tree_width(uint32_t leaves);    /* number of nodes; 0 for no leaves */
uint32_t tree_root(uint32_t leaves);     /* of a tree of at least one leaf */
uint32_t tree_level(uint32_t node);      /* 0 for a leaf */
bool tree_is_leaf(uint32_t node);
uint32_t tree_leaf_node(uint32_t leaf); /* the node of a leaf */
uint32_t tree_node_leaf(uint32_t node); /* the leaf of a leaf node */
uint32_t tree_left(uint32_t node);      /* NODE_NONE for a leaf, and so below */
uint32_t tree_right(uint32_t node);
uint32_t tree_parent(uint32_t node, uint32_t leaves);  /* NODE_NONE for the root */
uint32_t tree_sibling(uint32_t node, uint32_t leaves); /* NODE_NONE for the root */

/* The lowest node that is an ancestor of (or the same as) both. */
uint32_t tree_common_ancestor(uint32_t a, uint32_t b);

/* True if @node is @ancestor or below it. */
bool tree_is_below(uint32_t node, uint32_t ancestor);
