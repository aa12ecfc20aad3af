/* TreeKEM: how a commit gives a new secret to everybody but the removed (RFC 9420 §7.4 to §7.6). */
#pragma once

#include "cryptod/mls/commit.h"
#include "cryptod/mls/ratchet_tree.h"

/* The private keys of the nodes that one member knows: those above its leaf. */
struct private_keys {
        uint32_t leaf;
        uint32_t count;
        struct private_key {
                uint32_t node;
                struct secret *key;
        } * items; /* by node, ascending */
};

void private_keys_release(struct private_keys *k);

/* Takes @key over as the private key of @node, in place of an older one. */
void private_keys_set(struct private_keys *k, uint32_t node, struct secret *key);

/* The private key of @node, NULL if it is not known. */
const struct secret *private_keys_get(const struct private_keys *k, uint32_t node);

/* A deep copy, for a change that may turn out to be refused. */
void private_keys_copy(const struct private_keys *k, struct private_keys *out);

/* Forgets the keys of nodes that the tree has blanked, removed or replaced. */
void private_keys_prune(struct private_keys *k, const struct ratchet_tree *t);

/* The path secrets of a new path, entry by entry those of the committer's filtered direct path, and the commit secret.
 */
struct path_secrets {
        struct node_list path, copath;
        struct secret **secrets;
        struct secret *commit_secret;
};

void path_secrets_release(struct path_secrets *p);

/* Makes fresh path secrets for @k's leaf, sets the new public keys and parent hashes along its direct path in @t and
 * the private ones in @k. The parent hash that the new leaf must carry goes to @leaf_parent_hash; the caller signs the
 * leaf and sets it. */
void treekem_refresh(struct ratchet_tree *t, struct private_keys *k, struct path_secrets *out,
                     struct writer *leaf_parent_hash);

/* Appends UpdatePathNode nodes<V>: each path secret encrypted to the resolution of its copath node without the leaves
 * in @added (as node indices), by at most @threads threads. @group_context: the provisional one, with the new tree
 * hash.
 */
int treekem_encrypt(const struct ratchet_tree *t, const struct path_secrets *p, const struct node_list *added,
                    struct bytes group_context, unsigned threads, struct writer *out);

/* Merges the public part of another member's (or an external committer's) path into @t: as many nodes as its filtered
 * direct path has, keys that can be encrypted to, the parent hashes as they must be. The leaf's signature is the
 * caller's to verify. -EBADMSG; the tree is spoilt then. */
int treekem_merge(struct ratchet_tree *t, uint32_t sender, const struct update_path *update);

/* Decrypts the path secret that is meant for @k from a merged path, derives the private keys above it, compares their
 * public keys with the tree's, and gives the commit secret. -EBADMSG */
int treekem_decrypt(const struct ratchet_tree *t, struct private_keys *k, uint32_t sender,
                    const struct update_path *update, const struct node_list *added, struct bytes group_context,
                    struct secret **commit_secret);

/* Derives the keys from a path secret that came for @node, upwards along @sender's filtered direct path; from a
 * Welcome, or within treekem_decrypt(). -EBADMSG if a public key differs from the tree's. @commit_secret may be NULL.
 */
int treekem_import(const struct ratchet_tree *t, struct private_keys *k, uint32_t sender, uint32_t node,
                   const struct secret *path_secret, struct secret **commit_secret);
