/* A group as one member has it: the current epoch, a few past ones for messages that come late, and at most one commit
 * of our own that waits for the delivery service (RFC 9420 §11, §12, §14, §15).
 *
 *     group_create / group_join ─▶ current ── group_commit ─▶ current + pending ─┬─ group_merge_pending ─▶ next epoch
 *                                     ▲                                          └─ group_clear_pending ─▶ current
 *                                     └── group_process (a commit of somebody else; drops what was pending)
 *
 * A message that is refused changes nothing. Whatever is made here (a message, a commit) must be stored together with
 * the group's new state before it leaves: a state that is used twice would use a key twice. */
#pragma once

#include "cryptod/mls/epoch.h"
#include "cryptod/mls/identity.h"

enum { GROUP_PAST_EPOCHS = 3, GROUP_RESUMPTION_PSKS = 32 };

struct group;

/* What the application decides. Members may be NULL, and so may the whole; but without credential() anybody is let in,
 * and without same_client() who has equal credentials may take a member's place. */
struct group_host {
        /* An external PSK: borrowed, or NULL. Without it none is known. */
        const struct secret *(*psk)(void *userdata, const struct psk_id *id);
        /* A leaf that is new, or has another credential or signature key than before (§5.3.1): 0 or a negative errno,
         * which refuses the message. A chain of certificates (CREDENTIAL_X509) is well-formed when it comes here, and
         * its validation is up to the application, as is that its first one has the leaf's signature key (§5.3).
         * Without it every credential is accepted. */
        int (*credential)(void *userdata, const struct leaf_node *leaf);
        /* The extensions of a group that is joined, or that a commit brings, if there are any: 0 or a negative errno,
         * which refuses the message. The credentials in external_senders are the application's to judge (§5.3.1).
         * Without it all are accepted. */
        int (*extensions)(void *userdata, struct bytes extensions);
        /* True if two leaves stand for the same client: @after may take @before's place (an update, a commit, an
         * external committer that takes its old leaf out), or is the same member in another group (§11.2, §11.3).
         * Without it: their credentials are equal. */
        bool (*same_client)(void *userdata, const struct leaf_node *before, const struct leaf_node *after);
        /* A proposal that came as a message of its own, @sender NODE_NONE if from somebody outside: 0, or a negative
         * errno, which refuses it. Without it those of members are kept, and those from outside are refused (§12.1.8:
         * whoever may propose is the application's to say). */
        int (*proposal)(void *userdata, const struct proposal *proposal, uint32_t sender);
        /* A commit, our own or one whose sender has been verified, before anything of it is applied: 0 or a negative
         * errno, which refuses it. It is asked with the same arguments by every member, also by those whom the commit
         * removes, so that all can come to the same answer. Without it whatever the RFC allows is accepted. */
        int (*commit)(void *userdata, const struct commit_view *commit);
        /* Told of each kept proposal that a commit of ours leaves out because nobody could follow it, and of the error:
         * its leaf breaks a rule, its PSK is not known, its lifetime is over, credential() or extensions() refuses it.
         */
        void (*left_out)(void *userdata, const struct proposal *proposal, uint32_t sender, int error);
        /* Another group that this client is or was in, borrowed; NULL if there is none: for resumption PSKs, and so
         * that no group is joined twice. Without it no other group is known. */
        const struct group *(*group)(void *userdata, struct bytes group_id);
        void *userdata;
        uint64_t lifetime_max; /* seconds that a key package's lifetime may have in all (§7.2); 0: any */
        uint64_t now; /* seconds since 1970, for the lifetimes of what we add (§7.3); 0: they are the caller's business
                       */
        /* How many threads may seal a commit's path and its welcome, or verify the members of a group that is joined;
         * they end with the call. 0 counts as 1. */
        unsigned threads;
};

/* How a handshake message travels. All zero: encrypted, not padded. */
struct group_framing {
        bool public;   /* signed and unencrypted (§6.2) */
        size_t pad_to; /* an encrypted message is padded to a multiple of it (§6.3.1) */
};

/* A new group with one member, in epoch 0. @leaf_node: the encoded leaf of a key package of ours (struct key_package's
 * leaf.encoded); @leaf_key and @signature_key are its private keys, and pass over whatever comes of it. The key package
 * is used up. @extensions: the group context's, the content of extensions<V>; may be empty. -EBADMSG, -EMSGSIZE. */
int group_create(const struct suite *s, struct bytes group_id, struct bytes leaf_node, struct secret *leaf_key,
                 struct secret *signature_key, struct bytes extensions, struct group **out);

/* Joins by an MLSMessage with a Welcome. @tree: the encoded
 * ratchet tree, if it is not in the Welcome; else empty. @signature_key passes over whatever comes of it; @joiner's
 * keys do not, and are to be deleted by whoever holds them, unless the key package is one of last resort. -EEXIST if
 * @host knows a group of that id; else epoch_join()'s errors, and the host's. */
int group_join(struct bytes message, const struct joiner *joiner, struct bytes tree, struct secret *signature_key,
               const struct group_host *host, struct group **out);

/* Zeroes all keys. NULL is allowed. Returns NULL. */
struct group *group_free(struct group *g);
void group_release(struct group **g);
#define _cleanup_group_ __attribute__((cleanup(group_release)))

/* The current epoch, borrowed until the group changes: its context, its tree (the members), our leaf. */
const struct epoch *group_epoch(const struct group *g);

/* The leaf at @leaf in the current epoch or one of the past that are still kept, borrowed until the group changes; NULL
 * if there is none. */
const struct leaf_node *group_leaf(const struct group *g, uint64_t epoch, uint32_t leaf);

enum received_kind { RECEIVED_APPLICATION, RECEIVED_PROPOSAL, RECEIVED_COMMIT };

struct received {
        enum received_kind kind;
        uint64_t epoch;    /* that the message belongs to */
        uint32_t sender;   /* leaf index; of an external committer its new one; NODE_NONE for somebody outside */
        struct bytes data; /* application data, within @plain */
        struct bytes authenticated_data;
        struct writer plain;
};

void received_release(struct received *r);

/* Takes an MLSMessage in. A commit leads into the next epoch at once. Errors, the state unchanged: -EBADMSG (forged, or
 * breaks a rule), -EALREADY (a replay, or a message of our own), -ESTALE (an epoch that is over and gone), -EAGAIN (an
 * epoch that has not come yet: keep it and try again after the next commit), -ENOENT (it refers to a proposal that
 * has not come: fetch that and try again), -ENOKEY, -ERANGE, -EPROTONOSUPPORT (a proposal of a type that is not known
 * here, or what not all members can do), -EKEYREVOKED (we have been removed), -EACCES (a proposal from outside that
 * nobody has allowed), -E2BIG (PROPOSAL_STORE_MAX of them are kept in this epoch already), -ESHUTDOWN (the group has
 * been reinitialised), and the host's. */
int group_process(struct group *g, struct bytes message, const struct group_host *host, struct received *out);

/* Appends an MLSMessage with application data, padded to a multiple of @pad_to. While a commit of our own waits,
 * the message belongs to the current epoch. -ESHUTDOWN if the group has been reinitialised. */
int group_protect(struct group *g, struct bytes data, struct bytes authenticated_data, size_t pad_to,
                  struct writer *out);

/* Proposals as messages of their own (§12.1): an MLSMessage to @out. Each is also kept, so that a commit, our own or
 * somebody else's, can refer to it. @proposal: proposal_write_…()'s; updates have their own function, for they come
 * with new keys. Errors: -ESHUTDOWN (the group has been reinitialised), -EBADMSG and -EPROTONOSUPPORT for a proposal
 * that receivers would refuse, -EINVAL, -E2BIG. */
int group_propose(struct group *g, struct bytes proposal, struct bytes authenticated_data,
                  const struct group_framing *framing, struct writer *out);

/* The same for an update of our own leaf: a new encryption key and, if @identity (borrowed) is given, another
 * credential and signature key. */
int group_propose_update(struct group *g, const struct identity *identity, struct bytes authenticated_data,
                         const struct group_framing *framing, struct writer *out);

/* The same for a PSK, whose nonce is made here. */
int group_propose_psk(struct group *g, const struct psk_id *psk, struct bytes authenticated_data,
                      const struct group_framing *framing, struct writer *out);

/* How many proposals of this epoch are kept. While there are any, application data should wait for a commit (§12.4);
 * whether it does is the caller's decision. */
size_t group_proposals(const struct group *g);

/* Proposals from outside (§12.1.8), always public: by the @index-th entry of the group's external_senders extension, or
 * by somebody who proposes to be added, @key_package being its own. */
int external_propose(const struct suite *s, struct bytes group_id, uint64_t epoch, uint32_t index,
                     const struct secret *signature_key, struct bytes proposal, struct bytes authenticated_data,
                     struct writer *out);
int new_member_propose(const struct suite *s, struct bytes group_id, uint64_t epoch, struct bytes key_package,
                       const struct secret *signature_key, struct bytes authenticated_data, struct writer *out);

struct group_change {
        /* By value: */
        const struct bytes *add; /* encoded key packages, each a KeyPackage and no MLSMessage, which the caller has
                                    checked (key_package_check()) */
        size_t add_count;
        const uint32_t *remove; /* leaf indices */
        size_t remove_count;
        const struct psk_id *psks; /* their nonces are made here */
        size_t psk_count;
        const struct bytes *proposals; /* any others, encoded: group context extensions, a ReInit */
        size_t proposal_count;
        bool cached; /* by reference: all proposals of this epoch that fit together and with the above, and that can be
                        followed (left_out()) */
        const struct identity *identity;     /* another credential and signature key for our leaf; NULL: as they are */
        const struct bytes *leaf_extensions; /* of our leaf from now on, the content of extensions<V>, of types that its
                                                capabilities have; NULL: as they are */
        bool without_path;         /* only with additions, PSKs or a ReInit (§12.4); our keys stay as they are */
        bool welcome_without_tree; /* who joins gets the tree from elsewhere: ratchet_tree_write(&group_epoch()->tree)
                                    */
        struct bytes authenticated_data;
        struct group_framing framing;
};

/* Makes a commit, by default with a new path, so that it is also an update of our own keys: an MLSMessage to @commit
 * and, if somebody is added, one with a Welcome to @welcome. It waits as pending. -EBUSY if one is waiting already,
 * -ESTALE for a key package whose lifetime does not hold @host's now, -ESHUTDOWN if the group has been reinitialised;
 * else as group_process(). */
int group_commit(struct group *g, const struct group_change *change, const struct group_host *host,
                 struct writer *commit, struct writer *welcome);

/* Whether one of our own waits; it has been accepted, so it leads into the next epoch (there must be one); it has not,
 * so it is forgotten (if there is one). */
bool group_has_pending(const struct group *g);
void group_merge_pending(struct group *g);
void group_clear_pending(struct group *g);

/* A GroupInfo of the current epoch as an MLSMessage, with its external public key, for whoever may join by an external
 * commit (§12.4.3.2). @with_tree: the ratchet tree is in it. */
int group_publish_info(const struct group *g, bool with_tree, struct writer *out);

/* The same of the epoch that our pending commit leads into (there must be one), for who keeps the newest: it counts
 * once the commit has been accepted. */
int group_publish_pending_info(const struct group *g, bool with_tree, struct writer *out);

/* What somebody joins by from outside. */
struct external_join {
        struct bytes group_info;     /* an MLSMessage */
        struct bytes tree;           /* the encoded ratchet tree if it came apart, else empty */
        const struct identity *self; /* its suite has to be the group's */
        uint32_t resync;             /* our own leaf of before, which is removed; NODE_NONE: there is none */
        bool resync_same_key;        /* that is the one with our signature key, if there is one, instead */
        const struct psk_id *psks;   /* their nonces are made here */
        size_t psk_count;
        struct bytes authenticated_data;
};

/* Joins by an external commit (§12.4.3.2): a public MLSMessage to @commit, and the group as it is once the commit has
 * been accepted; if it is not, the group is freed and all begins anew. Errors: group_join()'s, -EINVAL, -E2BIG (more
 * PSKs than members take, EXTERNAL_PROPOSALS_MAX). */
int group_join_external(const struct external_join *join, const struct group_host *host, struct writer *commit,
                        struct group **out);

/* Starts the group that continues @old, which a ReInit has ended (§11.2), or branches off from it (§11.3), with our own
 * key package's leaf and its keys, which pass over. All whom @change adds are invited by the Welcome: for a
 * continuation every member of @old. @group_id: of a branch; a continuation has that of the ReInit. The new group
 * stands in epoch 1. -EINVAL if @old has not been reinitialised or a member of it is missing (continuation), or
 * somebody is not a member of it (branch); else group_commit()'s errors. */
int group_continue(const struct group *old, struct bytes leaf_node, struct secret *leaf_key,
                   struct secret *signature_key, const struct group_change *change, const struct group_host *host,
                   struct writer *welcome, struct group **out);
int group_branch(const struct group *old, struct bytes group_id, struct bytes leaf_node, struct secret *leaf_key,
                 struct secret *signature_key, const struct group_change *change, const struct group_host *host,
                 struct writer *welcome, struct group **out);

/* The ReInit that has ended the group; false: none has. */
bool group_reinit(const struct group *g, struct proposal *out);

/* MLS-Exporter (§8.5): a new secret of @size bytes, at most SECRET_SIZE_MAX and 255 times Nh. */
struct secret *group_export(const struct group *g, const char *label, struct bytes context, size_t size);

/* The epoch authenticator (§8.7): Nh bytes, secret, borrowed until the group changes. */
const struct secret *group_epoch_authenticator(const struct group *g);

/* Where the exact state is kept, with all secrets: in parts, each under an id of at most GROUP_PART_ID_MAX bytes. */
enum { GROUP_PART_ID_MAX = 14 };

struct group_store {
        /* What a part is from now on. If it is @secret, nobody must be able to find what it was before, for the state
         * forgets keys that are used up. 0 or a negative errno. */
        int (*put)(void *userdata, struct bytes id, struct bytes content, bool secret);
        /* The parts whose ids begin with @prefix are gone (if there are any), in the same manner. */
        int (*drop)(void *userdata, struct bytes prefix);
        void *userdata;
};

/* Hands over what has changed since the last time, or since the group was made: for a message its sender's ratchet; for
 * a commit the new epoch, what differs in its tree, and the end of the epoch that is given up. It belongs into one
 * transaction with the message; if that fails later on, the group has to be read back. The store's errors: nothing
 * counts as saved then. */
int group_save(struct group *g, const struct group_store *store);

/* All parts by ascending ids (as memcmp(3) orders them): struct { opaque id<V>, content<V>; } parts[], up to the end;
 * and back, so that group_save() begins from there. -EBADMSG, -EPROTONOSUPPORT for another version's state. */
void group_write(const struct group *g, struct writer *w);
int group_read(struct reader *r, struct group **out);

/* What an MLSMessage is about, without opening it; unsigned, so a hint only. */
struct message_peek {
        enum wire_format wire_format;
        struct bytes group_id; /* public and private messages */
        uint64_t epoch;
        enum content_type content_type;
        bool external_commit; /* of somebody who joins by it */
};

/* -EBADMSG; -EPROTONOSUPPORT for a public message with a proposal of a type that is not known here. */
int message_peek(struct bytes message, struct message_peek *out);
