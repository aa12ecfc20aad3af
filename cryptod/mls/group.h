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

enum { GROUP_PAST_EPOCHS = 3, GROUP_RESUMPTION_PSKS = 32 };

struct group;

/* What the application decides. Members may be NULL: no PSKs are known; every credential is accepted. */
struct group_host {
        /* An external PSK, or the resumption PSK of another group: borrowed, or NULL. */
        const struct secret *(*psk)(void *userdata, const struct psk_id *id);
        /* A leaf that is new, or has another credential or signature key than before: 0 or a negative errno, which
         * refuses the message. */
        int (*credential)(void *userdata, const struct leaf_node *leaf);
        void *userdata;
};

/* A new group with one member. @leaf_node is a key package's, @leaf_key and @signature_key its private keys; both pass
 * over. */
int group_create(const struct suite *s, struct bytes group_id, struct bytes leaf_node, struct secret *leaf_key,
                 struct secret *signature_key, struct bytes extensions, struct group **out);

/* Joins by an MLSMessage with a Welcome. @signature_key passes over. Errors: epoch_join()'s, and the host's. */
int group_join(struct bytes message, const struct joiner *joiner, struct bytes tree, struct secret *signature_key,
               const struct group_host *host, struct group **out);

/* Zeroes all keys. NULL is allowed. Returns NULL. */
struct group *group_free(struct group *g);
void group_release(struct group **g);
#define _cleanup_group_ __attribute__((cleanup(group_release)))

/* The current epoch, borrowed until the group changes: its context, its tree (the members), our leaf. */
const struct epoch *group_epoch(const struct group *g);

enum received_kind { RECEIVED_APPLICATION, RECEIVED_PROPOSAL, RECEIVED_COMMIT };

struct received {
        enum received_kind kind;
        uint64_t epoch;    /* that the message belongs to */
        uint32_t sender;   /* leaf index; NODE_NONE for somebody outside */
        struct bytes data; /* application data, within @plain */
        struct bytes authenticated_data;
        struct writer plain;
};

void received_release(struct received *r);

/* Takes an MLSMessage in. A commit leads into the next epoch at once. Errors, the state unchanged: -EBADMSG (forged, or
 * breaks a rule), -EALREADY (a replay, or a message of our own), -ESTALE (an epoch that is over and gone), -EAGAIN (an
 * epoch that has not come yet: keep it and try again after the next commit), -ENOENT, -ENOKEY, -ERANGE,
 * -EPROTONOSUPPORT, -EKEYREVOKED (we have been removed), and the host's. */
int group_process(struct group *g, struct bytes message, const struct group_host *host, struct received *out);

/* Appends an MLSMessage with application data, padded to a multiple of @pad_to. -EBUSY while a commit of our own waits
 * is not an error here: the message belongs to the current epoch. */
int group_protect(struct group *g, struct bytes data, struct bytes authenticated_data, size_t pad_to,
                  struct writer *out);

struct group_change {
        const struct bytes *add; /* encoded key packages, which the caller has checked (key_package_check()) */
        size_t add_count;
        const uint32_t *remove; /* leaf indices */
        size_t remove_count;
        struct bytes authenticated_data;
};

/* Makes a commit, always with a new path, so that it is also an update of our own keys: an MLSMessage to @commit and,
 * if somebody is added, one with a Welcome to @welcome. It waits as pending. -EBUSY if one is waiting already; else as
 * group_process(). */
int group_commit(struct group *g, const struct group_change *change, const struct group_host *host,
                 struct writer *commit, struct writer *welcome);

bool group_has_pending(const struct group *g);
void group_merge_pending(struct group *g);
void group_clear_pending(struct group *g);

/* MLS-Exporter (§8.5). */
struct secret *group_export(const struct group *g, const char *label, struct bytes context, size_t size);

/* The exact state, with all secrets, and back. -EBADMSG */
void group_write(const struct group *g, struct writer *w);
int group_read(struct reader *r, struct group **out);

/* What an MLSMessage is about, without opening it; unsigned, so a hint only. */
struct message_peek {
        enum wire_format wire_format;
        struct bytes group_id; /* public and private messages */
        uint64_t epoch;
        enum content_type content_type;
};

int message_peek(struct bytes message, struct message_peek *out);
