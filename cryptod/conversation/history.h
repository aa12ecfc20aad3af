/* The messages of an account's conversations, sealed one by one; ids grow over all conversations. */
#pragma once

#include "cryptod/conversation/content.h"
#include "cryptod/vault/vault.h"

enum { CONVERSATION_ID_SIZE = 16 };

enum message_state {
        MESSAGE_UNSENT,   /* ours, not encrypted yet: its group is not ready */
        MESSAGE_QUEUED,   /* ours, encrypted, not at the hub yet */
        MESSAGE_STORED,   /* ours, on the hub's disk */
        MESSAGE_RECEIVED, /* somebody else's, or a notice */
        MESSAGE_FAILED,   /* ours, refused by the hub */
};

enum message_sender {
        SENDER_SELF,
        SENDER_OTHER,  /* the person of the conversation */
        SENDER_NOTICE, /* a remark of Visavis itself */
        SENDER_NAMED,  /* of a group: struct message has the address */
};

/* As people see it: queued, stored, received, failed. */
const char *message_state_name(enum message_state s);

struct message {
        uint64_t id;
        enum message_state state;
        enum message_sender sender;
        struct bytes from;      /* SENDER_NAMED: the address, as messenger_sender() writes it; a view into @plain */
        struct content content; /* views into @plain */
        struct secret *plain;
        bool damaged; /* what it said is lost: a notice stands in its place */
};

void message_release(struct message *m);

/* Within a transaction. @from: of SENDER_NAMED, else empty. -EMSGSIZE for a text that is too long; what vault_seal()
 * and storage_run() return. */
int history_add(struct vault *v, struct bytes conversation, enum message_state state, enum message_sender sender,
                struct bytes from, const struct content *content, uint64_t *id);
int history_set_state(struct vault *v, uint64_t id, enum message_state state);

/* The first message of a conversation after @after (1 and @out filled, or 0), or the last one at all. -EBADMSG if the
 * database is damaged; a row that is shows as such. */
int history_next(struct vault *v, struct bytes conversation, uint64_t after, struct message *out);
int history_last(struct vault *v, struct bytes conversation, struct message *out);

/* The id after which the last @count messages of a conversation stand; how many after @after are received ones; the
 * first unsent one (0: none). Negative errno. */
int64_t history_tail(struct vault *v, struct bytes conversation, unsigned count);
int64_t history_unread(struct vault *v, struct bytes conversation, uint64_t after);
int64_t history_first_unsent(struct vault *v, struct bytes conversation);
