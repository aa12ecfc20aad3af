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

/* The exact state, and back. The bytes are secret. */
void secret_tree_write(const struct secret_tree *t, struct writer *w);
struct secret_tree *secret_tree_read(const struct suite *s, struct reader *r);
