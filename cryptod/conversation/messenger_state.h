/* What a messenger is made of; for the files of messenger.h alone. */
#pragma once

#include "cryptod/conversation/messenger.h"

/* Something to tell when the transaction has committed. */
struct pending_event {
        const struct conversation *conversation;
        uint64_t message;
        bool added;
        enum message_state state;
};

struct messenger {
        struct vault *vault;
        const struct messenger_events *told;
        struct device *device;
        struct conversation *conversations;
        struct pending_event *events;
        size_t event_count;
        bool queued; /* an envelope, in this transaction */
};

/* A transaction: what is told goes out when it has committed, or is forgotten. @m (may be NULL): the membership whose
 * group it changes, which is read back from disk if it fails. @result: of the work so far. */
int messenger_begin(struct messenger *m);
int messenger_end(struct messenger *m, struct membership *changed, int result);

void messenger_tell_added(struct messenger *m, const struct conversation *c, uint64_t message);
void messenger_tell_changed(struct messenger *m, const struct conversation *c, uint64_t message,
                            enum message_state state);

/* Within a transaction. Queues an envelope to @recipient. */
int messenger_queue(struct messenger *m, struct envelope *e);

/* Within a transaction: encrypts a message of the history in @g's group, queues it and stores the group. */
int messenger_encrypt(struct messenger *m, struct conversation *c, struct membership *g, uint64_t message,
                      const struct content *content);

/* Within a transaction: encrypts what waits in the history for a group that is ready. */
int messenger_encrypt_waiting(struct messenger *m, struct conversation *c);

/* Within a transaction: a commit that replaces our keys. */
int messenger_commit_update(struct messenger *m, struct conversation *c, struct membership *g);

/* Checks a leaf that is new in a group of this account's: its credential holds, and it is ours or @c's person with the
 * root key that is known. -EKEYREJECTED for another one. */
int messenger_check_leaf(const struct messenger *m, const struct conversation *c, const struct suite *s,
                         const struct leaf_node *leaf);

/* Within a transaction: remembers a root key of @c's person that was refused, with the invitation that it came with
 * (may be empty), and shows it in the history. */
int messenger_note_offered(struct messenger *m, const struct conversation *c, struct bytes root_key,
                           struct bytes welcome, uint64_t time);

/* Follows an invitation that was refused when it came. */
int messenger_follow_welcome(struct messenger *m, struct bytes envelope);

/* Within a transaction: what waited for a group that will not be has failed. */
int messenger_fail_waiting(struct messenger *m, struct conversation *c);
