/* The secret tree (RFC 9420 §9): a handshake and an application ratchet for each leaf, all from one encryption secret.
 *
 * A secret is deleted as soon as all that it stands for has been derived or used (§9.2): a node's when its children are
 * made, a ratchet's when it moves on, a key when it has opened a message. Messages may come out of order: keys of
 * skipped generations are kept, a bounded number of them, and one message may not make the ratchet skip further than a
 * bound. */
#pragma once

#include "cryptod/mls/suite.h"

enum {
        SECRET_TREE_SKIP_MAX = 1000, /* generations that one message may skip */
        SECRET_TREE_KEPT_MAX = 64,   /* keys of skipped generations kept for each ratchet */
};

enum ratchet_type { RATCHET_HANDSHAKE, RATCHET_APPLICATION };

struct secret_tree;

/* Takes @encryption_secret over. @leaves: the width of the ratchet tree, a power of two. */
struct secret_tree *secret_tree_new(const struct suite *s, struct secret *encryption_secret, uint32_t leaves);
struct secret_tree *secret_tree_free(struct secret_tree *t);

/* The key of the next message that the leaf sends. The key is the caller's; the tree has forgotten it. */
int secret_tree_next(struct secret_tree *t, uint32_t leaf, enum ratchet_type type, uint32_t *generation,
                     struct secret **key, struct secret **nonce);

/* Borrows the key of a message that was received, until the next call. Only secret_tree_consume() moves the ratchet on,
 * so that a forged message takes nothing away. -EALREADY if it has been used (a replay) or was given up, -ERANGE if it
 * lies too far ahead, -EBADMSG if there is no such leaf. */
int secret_tree_peek(struct secret_tree *t, uint32_t leaf, enum ratchet_type type, uint32_t generation,
                     const struct secret **key, const struct secret **nonce);

/* Deletes the key of a message that has been opened, which must be the one that was peeked at last. */
void secret_tree_consume(struct secret_tree *t, uint32_t leaf, enum ratchet_type type, uint32_t generation);

/* The exact state, in parts, so that what is written after a message need not be all of it. A part is named by a node:
 * a leaf's are the two ratchets of that leaf, once it has any; that of a node on level 4, 8, 12 and so on (it may lie
 * above the root) the secrets of the four levels below it, as far as they are left. So a message changes the part of
 * its sender, and the first message of a leaf one more for every four levels. Their bytes are secret.
 *
 * Write: appends a part's content; nothing if there is none (any more). Parts: all names are less than that. Changed:
 * those that have changed since the tree was made or secret_tree_saved() was called last; borrowed until a change. */
void secret_tree_write_part(const struct secret_tree *t, uint32_t part, struct writer *w);
uint32_t secret_tree_parts(const struct secret_tree *t);
const uint32_t *secret_tree_changed(const struct secret_tree *t, size_t *count);
void secret_tree_saved(struct secret_tree *t);

/* And back: a tree without secrets, each part (once; -EBADMSG), and whether every leaf finds a secret in the end, its
 * own or one above it. */
struct secret_tree *secret_tree_empty(const struct suite *s, uint32_t leaves);
int secret_tree_read_part(struct secret_tree *t, uint32_t part, struct bytes content);
bool secret_tree_is_whole(const struct secret_tree *t);
