/* The messages of an account's conversations, sealed one by one; ids grow over all conversations and are not used
 * again. What others think of a message and how far it has come stands beside it (annotation.h). */
#pragma once

#include <sqlite3.h>

#include "cryptod/conversation/content.h"
#include "cryptod/vault/vault.h"

enum { CONVERSATION_ID_SIZE = 16 };

enum message_state {
        MESSAGE_UNSENT,    /* ours, not encrypted yet: its group is not ready */
        MESSAGE_QUEUED,    /* ours, encrypted, not at the hub yet */
        MESSAGE_STORED,    /* ours, on the hub's disk */
        MESSAGE_RECEIVED,  /* somebody else's */
        MESSAGE_FAILED,    /* ours, refused by the hub */
        MESSAGE_DELIVERED, /* ours, a device of each other member has it */
        MESSAGE_READ,      /* ours, each other member has read it */
        MESSAGE_NOTICE,    /* a remark of Visavis itself, which nobody has to have read */
};

enum message_sender {
        SENDER_SELF,
        SENDER_OTHER,  /* the person of the conversation */
        SENDER_NOTICE, /* a remark of Visavis itself */
        SENDER_NAMED,  /* of a group: struct message has the address */
};

/* As people see it: queued, stored, delivered, read, received, failed. */
const char *message_state_name(enum message_state s);

struct message {
        uint64_t id; /* on this device alone */
        enum message_state state;
        enum message_sender sender;
        struct bytes from;           /* SENDER_NAMED: the address, as messenger_spell() writes it */
        struct bytes content_id;     /* for all members; empty: a notice, or of before there were any */
        struct bytes author;         /* content_author(), or empty in the same cases */
        uint64_t time;               /* when it was written, by its author's clock */
        uint64_t arrived;            /* and when it came to stand here: seconds of the retention clock; 0: not known */
        uint64_t edited;             /* and when it was edited; 0: never */
        struct bytes edit_id;        /* of the content that edited it */
        bool deleted;                /* by its author, for all: @content is empty */
        uint64_t deadline;           /* seconds of the retention clock (retention.h); 0: none */
        enum receipt owed;           /* to be sent to the author; 0: none */
        uint8_t tag[VAULT_TAG_SIZE]; /* history_tag(), of one that was read and has a content_id */
        struct content content;
        struct bytes encoded; /* the content as it was sent, or as it was edited */
        struct secret *plain; /* the views point into it, once it has been read */
        bool damaged;         /* what it said is lost: a notice stands in its place */
};

void message_release(struct message *m);

/* Within a transaction: adds @m, of whose content only @m->encoded counts, and says its id and when it arrived.
 * -EEXIST if there is one
 * with its content_id; -EMSGSIZE if it is too long; what vault_seal() and storage_run() return. */
int history_add(struct vault *v, struct bytes conversation, struct message *m);
int history_set_state(struct vault *v, uint64_t id, enum message_state state);

/* Within a transaction. Edit: gives @m, which was read, the text of @edit, whose id is @edit_id. Retract: erases its
 * content, and what was said of it, for good; what is left says that it was deleted. Erase: leaves nothing. */
int history_edit(struct vault *v, struct bytes conversation, const struct message *m, const struct content *edit,
                 struct bytes edit_id);
int history_retract(struct vault *v, struct bytes conversation, const struct message *m);
int history_erase(struct vault *v, struct bytes conversation, uint64_t id);

/* The messages of a conversation one after the other: those after @from in their order, or those before it, the newest
 * first; before 0: from the newest. Read says 1 and fills @out, or 0; -EBADMSG if the
 * database is damaged; a row that is shows as such. */
struct history_cursor {
        struct vault *vault;
        struct bytes conversation; /* borrowed; of all: that of the message that was read, until the next is */
        bool all;
        sqlite3_stmt *statement;
};
int history_after(struct vault *v, struct bytes conversation, uint64_t from, struct history_cursor *out);
int history_before(struct vault *v, struct bytes conversation, uint64_t from, struct history_cursor *out);
/* The same over all conversations. */
int history_all_after(struct vault *v, uint64_t from, struct history_cursor *out);
int history_all_before(struct vault *v, uint64_t from, struct history_cursor *out);

int history_read(struct history_cursor *c, struct message *out);
void history_cursor_release(struct history_cursor *c);

/* The first message of a conversation that was written at @time (microseconds since 1970) or later, if all were written
 * in the order in which they came: 1 and @id, or 0. It is found by halving. */
int history_at(struct vault *v, struct bytes conversation, uint64_t time, uint64_t *id);

/* Within a transaction: erases all of a conversation but what still waits here to be sent. */
int history_clear(struct vault *v, struct bytes conversation);

/* Within a transaction: received messages after @after up to @to owe their authors the receipt that they were read; or
 * none of a conversation does any more. */
int history_owe_read(struct vault *v, struct bytes conversation, uint64_t after, uint64_t to);
int history_owe_delivered(struct vault *v, struct bytes conversation); /* of all that has come, and was read or not */
int history_owe_nothing(struct vault *v, struct bytes conversation);

/* Those that owe a receipt, in their order, as above; and a conversation that has any: 1 and its id, or 0. */
int history_owing(struct vault *v, struct bytes conversation, struct history_cursor *out);
int history_owing_conversation(struct vault *v, uint8_t out[static CONVERSATION_ID_SIZE]);

/* A single one: the first after @after, the last one at all, the one with this id, or the one that all members know by
 * @content_id. 1 and @out filled, or 0; -EBADMSG if the database is damaged. */
int history_next(struct vault *v, struct bytes conversation, uint64_t after, struct message *out);
int history_last(struct vault *v, struct bytes conversation, struct message *out);
int history_get(struct vault *v, struct bytes conversation, uint64_t id, struct message *out);
int history_find(struct vault *v, struct bytes conversation, struct bytes content_id, struct message *out);

/* The tag by which the message that all members know by @content_id is found (vault_tag()). */
int history_tag(struct vault *v, struct bytes conversation, struct bytes content_id,
                uint8_t out[static VAULT_TAG_SIZE]);

/* The id after which the last @count messages of a conversation stand; how many after @after are received ones. A
 * negative errno. */
int64_t history_tail(struct vault *v, struct bytes conversation, unsigned count);
int64_t history_unread(struct vault *v, struct bytes conversation, uint64_t after);
