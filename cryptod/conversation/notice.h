/* Remarks of Visavis itself in a conversation, as people read them: who has come and gone, and what went wrong. */
#pragma once

#include "cryptod/conversation/messenger_state.h"

/* Within a transaction: adds one. @time: microseconds since 1970. */
int notice_add_at(struct messenger *m, const struct conversation *c, uint64_t time, const char *text);

/* The same, now. */
int notice_add(struct messenger *m, const struct conversation *c, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Within a transaction: says who has come and who has gone from @before to @after (lists as messenger_members() makes
 * them). @actor: whose commit it was, in the same spelling, or empty for our own; @leavers: who wanted to go. */
int notice_add_changes(struct messenger *m, const struct conversation *c, struct bytes before, struct bytes after,
                       struct bytes actor, struct bytes leavers);

/* Within a transaction: says whose role is another than @g has noted. */
int notice_add_roles(struct messenger *m, const struct conversation *c, const struct membership *g,
                     const struct roles *now);

/* Microseconds since 1970. */
uint64_t notice_time(void);
