/* What comes from the relay, by kind:
 *
 *     envelope ─▶ messenger_inbox.c ─┬─▶ messenger_welcome.c: somebody puts us into a conversation
 *                                    └─▶ messenger_receive.c: a message of a group of ours
 *
 * An envelope that cannot be opened is answered like one that can, so that it does not come again, and the log says
 * why: nobody can mend it, and the next ones must not wait behind it. Only our own storage's errors are handed back. */
#pragma once

#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/room.h"

/* A message of a group, as it came. */
struct arrival {
        struct message_peek peek;
        struct bytes message;
        bool is_of_room; /* the hub has written it, for a room */
        struct room_entry entry;
};

/* Both note that the envelope of @sequence has come, in the transaction that stores what comes of it. */
int inbox_receive_welcome(struct messenger *m, uint64_t sequence, struct bytes welcome);
int inbox_receive_message(struct messenger *m, uint64_t sequence, const struct arrival *a);

/* The sequence of the envelope that came last. */
int inbox_last(struct messenger *m, uint64_t *out);

/* Within a transaction: notes that it has come. */
int inbox_note(struct messenger *m, uint64_t sequence);

/* In a transaction of its own: nothing else is to be stored about it; and, with a line in the log, for it was refused.
 * @what: "A message", … */
int inbox_skip(struct messenger *m, uint64_t sequence);
int inbox_refuse(struct messenger *m, uint64_t sequence, const char *what, int error);
void inbox_log_refusal(const struct messenger *m, const char *what, int error);

/* Errors of our own disk or memory, which pass: the envelope is to come again. */
bool inbox_is_passing(int error);
