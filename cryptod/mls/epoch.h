/* An epoch: everything that a member knows of a group between two commits, and how one follows the other (RFC 9420
 * §12.4).
 *
 * An epoch never turns into the next: the next is made beside it, so a commit that is refused changes nothing, and one
 * of our own can wait until the delivery service has accepted it. */
#pragma once

#include "cryptod/mls/group_context.h"
#include "cryptod/mls/key_schedule.h"
#include "cryptod/mls/proposal_list.h"
#include "cryptod/mls/secret_tree.h"
#include "cryptod/mls/treekem.h"
#include "cryptod/mls/welcome.h"

struct epoch {
        struct group_context context;
        struct ratchet_tree tree;
        struct private_keys keys; /* keys.leaf: our own leaf */
        struct key_schedule schedule;
        struct secret_tree *secret_tree;
        uint8_t interim_transcript_hash[SUITE_HASH_MAX];
        struct signature_key *signature_key; /* our new one, if it changed with this epoch; else NULL */
        uint32_t inviter;    /* right after epoch_join(): the leaf of whoever has signed the GroupInfo */
        struct bytes reinit; /* the encoded ReInit that ended the group with this epoch, owned; else empty */
        /* Altered: has been saved, and its own secrets have changed since; its secret tree keeps account of itself. */
        enum { EPOCH_UNSAVED, EPOCH_ALTERED, EPOCH_SAVED } saved;
};

/* NULL is allowed. Returns NULL. */
struct epoch *epoch_free(struct epoch *e);
void epoch_release(struct epoch **e);
#define _cleanup_epoch_ __attribute__((cleanup(epoch_release)))

/* Where values of PSKs come from: a borrowed secret, or NULL. */
struct psk_source {
        const struct secret *(*find)(void *userdata, const struct psk_id *id);
        void *userdata;
};

/* psk_secret of the PSK proposals of a list, in their order. -ENOKEY */
int epoch_proposed_psk_secret(const struct suite *s, const struct proposal_list *l, const struct psk_source *source,
                              struct secret **out);

/* Notes in @next what a committed list means for the group itself: that a ReInit has ended it. */
void epoch_note_reinit(struct epoch *next, const struct proposal_list *l);

/* psk_secret of a list of PSK ids, each found in @source. -ENOKEY if one is not there, -EBADMSG if they are more than
 * 65535. */
int epoch_psk_secret(const struct suite *s, const struct psk_id *ids, size_t count, const struct psk_source *source,
                     struct secret **out);

/* Completes @next, whose context, tree and keys stand already: key schedule, secret tree, interim transcript hash.
 * @confirmation_tag empty: it is made, else compared. The tag goes to @tag. -EBADMSG */
int epoch_complete(struct epoch *next, const struct secret *joiner_secret, const struct secret *psk_secret,
                   struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX]);

/* The first epoch of a new group with one member, whose leaf (a key package's) and its private key are given. @key
 * passes over. */
int epoch_create(const struct suite *s, struct bytes group_id, struct bytes leaf_node, struct secret *key,
                 struct bytes extensions, struct epoch **out);

/* What a commit says, for whoever judges it: views. */
struct commit_view {
        const struct epoch *before;
        const struct proposal_list *proposals; /* by value and by reference, in their order */
        uint32_t committer;                    /* leaf index; NODE_NONE: somebody outside */
        const struct leaf_node *leaf;          /* the committer's from now on; NULL: as it was */
        struct bytes authenticated_data;       /* of its framing */
};

struct commit_judge {
        int (*judge)(void *userdata, const struct commit_view *commit); /* 0 or a negative errno; NULL: all are right */
        void *userdata;
};

/* Who made a commit, by leaf index. */
struct committer {
        uint32_t leaf;     /* in the new tree */
        uint32_t replaced; /* the leaf that an external committer took out as its own of before; else NODE_NONE */
};

/* The epoch after the commit @a, whose framing has been opened and whose sender's signature and membership have been
 * verified. -EBADMSG if it breaks a rule, -ENOENT if it refers to a proposal that has not been seen, -ENOKEY for an
 * unknown PSK, -EKEYREVOKED if it removes us, -EPROTONOSUPPORT, the errors of @judge. */
int epoch_receive_commit(const struct epoch *e, const struct authenticated_content *a,
                         const struct proposal_store *store, const struct psk_source *psks,
                         const struct commit_judge *judge, struct committer *committer, struct epoch **out);

/* The tree of a GroupInfo, from its extension or @apart, checked as a whole: its signer's signature, the tree hash,
 * parent hashes, every leaf (§12.4.3.1). -ENOENT if there is no tree, -EBADMSG, -EPROTONOSUPPORT. */
int epoch_read_tree(const struct group_info *info, struct bytes apart, unsigned threads, struct ratchet_tree *out);

/* What a new member has in hand: the key package that it published, and its private keys. */
struct joiner {
        struct bytes key_package;                 /* encoded, a KeyPackage and no MLSMessage */
        const struct secret *init_key, *leaf_key; /* private */
};

/* The epoch that a Welcome leads into. @tree: the encoded ratchet tree if it came apart, else empty. -ENOENT if the
 * welcome is for another key package, or there is no tree; -EBADMSG, -ENOKEY, -EPROTONOSUPPORT. */
int epoch_join(const struct welcome *w, const struct joiner *joiner, struct bytes tree, const struct psk_source *psks,
               unsigned threads, struct epoch **out);
