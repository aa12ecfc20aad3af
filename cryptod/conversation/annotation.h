/* What members have said of a message: what they think of it, that it is pinned, how far it has come; one of a kind
 * from each author (a pin is of all), the newest. An edit or a deletion changes the message itself, and is kept here
 * only until the message comes; so are the others, for nobody says that a message arrives before what is about it.
 * Sealed one by one. */
#pragma once

#include "cryptod/conversation/history.h"

enum {
        ANNOTATIONS_WAITING_MAX = 256, /* of a conversation, for messages that have not come */
        PINS_MAX = 100,                /* of a conversation */
};

enum annotation_kind {
        ANNOTATION_EDIT = 1,
        ANNOTATION_DELETION = 2,
        ANNOTATION_REACTION = 3,
        ANNOTATION_PIN = 4,
        ANNOTATION_RECEIPT = 5,
};

struct annotation {
        enum annotation_kind kind;
        enum message_sender sender;
        struct bytes from;       /* SENDER_NAMED: the address, as messenger_spell() writes it */
        struct bytes author;     /* content_author() */
        struct bytes content_id; /* of the content that said it; empty in a receipt */
        uint64_t time;           /* by the author's clock; of a receipt when it was delivered, by ours */
        uint64_t read;           /* of a receipt: when it was read, by ours; 0: not yet */
        struct content content;  /* of all but a receipt */
        struct bytes target;     /* the content_id of the message */
        struct secret *plain;    /* the views point into it, once it has been read */
};

void annotation_release(struct annotation *a);

/* Within a transaction: stores @a, whose content is @encoded, in the place of the same author's last one. @waiting: its
 * message has not come; if there are too many of those, the oldest goes. What vault_seal() and storage_run() return. */
int annotation_put(struct vault *v, struct bytes conversation, const struct annotation *a, struct bytes encoded,
                   bool waiting);

/* The one of @author: 1 and @out filled, or 0; -EBADMSG. */
int annotation_get(struct vault *v, struct bytes conversation, struct bytes target, enum annotation_kind kind,
                   struct bytes author, struct annotation *out);

/* Whether there is any of a message: 1, or 0. */
int annotation_exists(struct vault *v, struct bytes conversation, struct bytes target);

/* All of a message, by kind, also of one that was read from the history; or all of a kind in a conversation whose
 * messages have come. Read says 1 and fills @out, or 0; -EBADMSG. */
struct annotation_cursor {
        struct vault *vault;
        uint8_t target[VAULT_TAG_SIZE];
        sqlite3_stmt *statement;
};
int annotation_of(struct vault *v, struct bytes conversation, struct bytes target, struct annotation_cursor *out);
int annotation_of_message(struct vault *v, const struct message *m, struct annotation_cursor *out);
int annotation_of_kind(struct vault *v, struct bytes conversation, enum annotation_kind kind,
                       struct annotation_cursor *out);
int annotation_read(struct annotation_cursor *c, struct annotation *out);
void annotation_cursor_release(struct annotation_cursor *c);

/* Within a transaction: the message has come, and what waited for it stands. */
int annotation_settle(struct vault *v, struct bytes conversation, struct bytes target);

/* Within a transaction: erases what was said of a message. */
int annotation_erase(struct vault *v, struct bytes conversation, struct bytes target);

/* How many members' receipts for a message say that it was delivered, and read. A negative errno. */
int annotation_count_receipts(struct vault *v, struct bytes conversation, struct bytes target, unsigned *delivered,
                              unsigned *read);
