/* The messenger: an unlocked account's conversations, end to end encrypted, between its vault and its relay.
 *
 *                     messenger_send                      messenger_next_envelope
 *     the person ───────────────────▶  one transaction  ───────────────────────▶ relayd ─▶ hub
 *                ◀──────────────────   on the vault     ◀───────────────────────
 *                     events                              messenger_deliver, messenger_outcome
 *
 * Whatever changes a group's state and what comes of that change (an envelope, a message in the history) are stored in
 * one transaction before anything leaves. If that fails, the group goes back to what is on disk.
 *
 * A conversation starts with a group of one, and a commit that adds the others: it waits for the hub, which orders the
 * commits of a group, and what is written meanwhile is encrypted when it has been accepted. Somebody's root key is
 * trusted on first use; a later one is refused where two talk, and marked in a group. It knows no bus:
 * cryptod/account.c does. */
#pragma once

#include "cryptod/conversation/conversation.h"
#include "cryptod/conversation/device.h"
#include "cryptod/conversation/rules.h"

enum {
        MESSENGER_PAD = 256, /* messages are padded to this many bytes, or four times as many as often as it takes; from
                                256 KiB on in steps of 128 KiB */
        MESSENGER_UPDATE_AFTER = 100, /* own messages after which our keys are replaced */
        GROUP_LEAVES_MAX = 1024,      /* of its tree: what others add costs our memory */
        PAIR_GROUPS_MAX = 16,         /* of a conversation of two: the newest is used, which anybody can begin */
        GROUP_REQUESTS_MAX = 64,      /* undecided ones of strangers; more are refused */
};

struct messenger;

/* Told when a transaction has committed. They must not call the messenger. */
struct messenger_events {
        void (*message_added)(void *userdata, const struct conversation *c, uint64_t message);
        void (*message_changed)(void *userdata, const struct conversation *c, uint64_t message,
                                enum message_state state);
        void (*envelopes_queued)(void *userdata);
        void *userdata;
        /* Any of these may be NULL. What a message says, or what is said of it, is another; it is there no more; it
         * owes its author a receipt (messenger_send_receipts()); it has a deadline (messenger_erase_expired());
         * something of the conversation itself is another; somebody, as messenger_spell() writes them, types or has
         * stopped. */
        void (*message_edited)(void *userdata, const struct conversation *c, uint64_t message);
        void (*message_erased)(void *userdata, const struct conversation *c, uint64_t message);
        void (*receipts_owed)(void *userdata);
        void (*deadline_set)(void *userdata);
        void (*conversation_changed)(void *userdata, const struct conversation *c);
        void (*typing)(void *userdata, const struct conversation *c, const char *who, bool typing);
};

/* Opens the conversations of an unlocked vault, which is borrowed, as is @events; a new account's
 * device gets its keys. What device_load() and
 * conversation_load_all() return. */
int messenger_open(struct vault *v, const struct messenger_events *events, struct messenger **out);

/* Zeroes all keys. NULL is allowed. Returns NULL. */
struct messenger *messenger_free(struct messenger *m);

/* Makes and stores @count key packages (and one of last resort if it is time for one) for the account's hub of that
 * number (0: of its own address), for relayd's PublishKeyPackages. @now: seconds since 1970. -ENOENT: no such hub. */
int messenger_key_packages(struct messenger *m, unsigned hub, unsigned count, uint64_t now, struct writer *out);

/* The account's hubs in the vault are others from now on. */
int messenger_hubs_changed(struct messenger *m);

/* The conversations: a list, borrowed until the next call. One by its id or its person's address (name@host:port; NULL
 * if there is none, or it has no group any more). */
const struct conversation *messenger_conversations(const struct messenger *m);
struct conversation *messenger_find(struct messenger *m, struct bytes id);
struct conversation *messenger_find_address(struct messenger *m, const char *address);

/* Starts one with the person at @address, whose encoded key package relayd has claimed. If there is one by now, that is
 * the answer. -EBADMSG: the key package is forged or malformed; -EPROTONOSUPPORT: another cipher suite; -ESTALE: it has
 * expired; -EKEYREJECTED: its root key is not the one that is known. */
int messenger_start(struct messenger *m, const char *address, struct bytes key_package, uint64_t now,
                    struct conversation **out);

/* Somebody to be added to a group, whose encoded key package relayd has claimed. */
struct invitee {
        const char *address; /* name@host:port */
        struct bytes key_package;
};

/* A new group of ours, also of one alone; what is written before the hub has accepted the invitees waits. Errors:
 * -EINVAL: the name is none (profile.h); -E2BIG: more than GROUP_MEMBERS_MAX; -EMSGSIZE: the commit and its Welcome do
 * not fit an envelope; those of messenger_start(), for an invitee. */
int messenger_create_group(struct messenger *m, struct bytes name, const struct invitee *invitees, size_t count,
                           uint64_t now, struct conversation **out);

/* Adds people to a group, whoever is in it already being no error, and takes one out. When they return, it is on disk
 * what is wanted, and it will be done as soon as the hub and the others' commits allow; if the hub refuses, the
 * conversation says so. Errors: -EINVAL: a conversation with a person; -EOPNOTSUPP: a room; -ENOTCONN: we are no member
 * any more; -ENOENT: no such member, or ourselves; -E2BIG, -EMSGSIZE and those of messenger_start() as above. */
int messenger_add_members(struct messenger *m, struct conversation *c, const struct invitee *invitees, size_t count,
                          uint64_t now);
int messenger_remove_member(struct messenger *m, struct conversation *c, const char *address);

/* Whether @address (name@host:port) is of a member of the group; false of one that we are not in. */
bool messenger_has_member(const struct conversation *c, struct bytes address);

/* Gives a group another name, in the same manner. -EDOM: it is none (profile.h). */
int messenger_rename(struct messenger *m, struct conversation *c, struct bytes name);

/* Gives a member, or ourselves, another role, and a group another policy (POLICY_…) or picture (empty: none), in the
 * same manner. These and the ones above: -EPERM if our own role does not allow it (rules.h); it may turn out later,
 * too, and then the conversation says so. -EMSGSIZE: the picture is larger than CONVERSATION_PICTURE_MAX. */
int messenger_set_role(struct messenger *m, struct conversation *c, const char *address, enum role role);
int messenger_set_policy(struct messenger *m, struct conversation *c, uint8_t policy);
int messenger_set_picture(struct messenger *m, struct conversation *c, struct bytes picture);

/* What a group's state says of it: views, until the group changes. -EINVAL, -ENOTCONN */
int messenger_group_profile(const struct conversation *c, struct profile *out);

/* Wants to be out of a group: nothing is sent or taken in any more, and the keys are erased as soon as another member
 * has taken us out; of a room, when the hub has. -EINVAL, -ENOTCONN; -EBUSY: a room that is being joined */
int messenger_leave(struct messenger *m, struct conversation *c);

/* False for a group that we have left or were removed from. */
bool messenger_is_member(const struct conversation *c);

/* A member, as people are shown one. */
struct member_view {
        char address[ADDRESS_TEXT_MAX]; /* name@host:port */
        enum role role;                 /* member in a conversation of two */
        bool self;
        bool verified;  /* the safety number of the key that they have here was compared */
        bool other_key; /* they have another key here than the one that is known for the address */
};

/* The first member at *place or behind it (0 at first; then one more than where it stands): 1 and @out, or 0. -EBADMSG:
 * the vault is damaged. */
int messenger_next_member(struct messenger *m, const struct conversation *c, uint32_t *place, struct member_view *out);

/* Encrypts and queues a text. @time: microseconds since 1970. -EINVAL: not UTF-8, or empty; -EMSGSIZE; -ENOTCONN: the
 * conversation has no group any more and has to be started again; -ECONNREFUSED: its person is blocked; storage errors.
 */
int messenger_send(struct messenger *m, struct conversation *c, struct bytes text, uint64_t time, uint64_t *message);

/* Messages up to @message have been read. -ENOENT if there is no such message yet. */
int messenger_mark_read(struct messenger *m, struct conversation *c, uint64_t message);

/* Replaces our keys in the conversation's group. 0 also if that is under way; -ENOTCONN while it has no group that is
 * ready. */
int messenger_update(struct messenger *m, struct conversation *c);

/* Takes an envelope in. 0: it is on disk, was a repetition, or was refused for good, which the log says. An error: of
 * the storage, nothing has changed. */
int messenger_deliver(struct messenger *m, uint64_t sequence, struct bytes envelope);

/* What relayd has seen of this vault. */
struct witness {
        uint64_t queued;    /* how many envelopes it, or a hub, got from it */
        uint64_t delivered; /* the number of the last that it delivered */
        uint64_t arrived;   /* how many came that relayd does not have, if that is in doubt; else 0 */
        struct bytes sent;  /* the largest id that a hub has stored, if that is in doubt; else empty */
};

/* 1 if the vault knows of less, since it was put back from an older copy, or has missed something: then its groups, key
 * packages and envelopes are erased, so that no key and no nonce is used twice, each conversation says so, and new key
 * packages have to be published. 0 if it is as new as relayd knows. After an error it must not be used. */
int messenger_witness(struct messenger *m, const struct witness *w);

/* Whether groups could not be read when it was opened, and were erased with the key packages: each of their
 * conversations says so, and new key packages have to be published. Says so once. */
bool messenger_was_mended(struct messenger *m);

/* The address of a person whose conversation has to start anew because of either, each once; NULL: none. */
const char *messenger_next_rejoin(struct messenger *m);

enum outcome {
        OUTCOME_STORED,
        OUTCOME_STALE,
        OUTCOME_REFUSED,
        OUTCOME_OUTSIDE /* of a room, in which the hub does not have us */
};

/* What became of an envelope. 0 also if it is not known any more. */
int messenger_outcome(struct messenger *m, struct bytes id, enum outcome outcome);

/* The envelope after @number that waits for the hub: 1, or 0. */
int messenger_next_envelope(struct messenger *m, uint64_t number, struct envelope *out);
