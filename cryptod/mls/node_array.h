/* The nodes of a ratchet tree with their tree hashes, as an array whose copies share what they have in common: an epoch
 * keeps most nodes of the one before. It stands in chunks; a copy takes over the chunks, and a change makes one of its
 * own first. Copies belong to one thread. */
#pragma once

#include "cryptod/mls/leaf_node.h"
#include "cryptod/mls/tree_math.h"

struct parent_node {
        struct bytes encryption_key, parent_hash;
        struct bytes unmerged_leaves; /* a list of uint32, ascending */
};

/* A node never changes once it is made, only gives way to another. The views point into its bytes. */
struct tree_node {
        unsigned references;
        union {
                struct leaf_node leaf;
                struct parent_node parent;
        };
        size_t size;
        uint8_t encoded[];
};

/* What a member looks up in all nodes when one of them changes, in one place: so that the nodes themselves need not be
 * touched. The marks of keys may be the same for different keys. */
struct node_summary {
        bool present;                           /* not blank */
        bool can_basic, can_x509;               /* a leaf: whether it can do these credentials */
        uint16_t credential;                    /* a leaf: the type of its own */
        uint32_t encryption_key, signature_key; /* key_mark() of them; a parent has no signature key */
};
uint32_t key_mark(struct bytes key);

struct node_chunk;

struct node_array {
        size_t hash_size; /* of each tree hash, in bytes */
        uint32_t width;   /* in nodes */
        struct node_chunk **chunks;
};

void node_array_release(struct node_array *a);
void node_array_copy(const struct node_array *a, struct node_array *out);

/* Makes it @width nodes wide; new ones are blank, those beyond are given up. */
void node_array_resize(struct node_array *a, uint32_t width);

/* NULL: the node is blank, or lies outside. */
struct tree_node *node_array_get(const struct node_array *a, uint32_t node);

/* Of a node within the array. */
const struct node_summary *node_array_summary(const struct node_array *a, uint32_t node);

/* Puts @next, which passes over (NULL blanks), in a node's place. The tree hash of each node above it must be forgotten
 * as well, known or not: what copies share has the same nodes below it. */
void node_array_set(struct node_array *a, uint32_t node, struct tree_node *next);
void node_array_forget_hash(struct node_array *a, uint32_t node);

/* A node's tree hash; NULL if it is not known. To note one changes what is known of the array, not the array. */
const uint8_t *node_array_hash(const struct node_array *a, uint32_t node);
void node_array_note_hash(const struct node_array *a, uint32_t node, const uint8_t *hash);

/* The first node from @from on that is not the same in both; NODE_NONE if there is none. What they share is skipped. */
uint32_t node_array_difference(const struct node_array *a, const struct node_array *b, uint32_t from);
