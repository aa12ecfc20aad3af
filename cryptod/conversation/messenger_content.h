/* What people say in a conversation beyond a plain text, and what it does to what was said before.
 *
 *     messenger_say ─▶ a content ─┬─▶ the history here
 *                                 └─▶ encrypted, or waiting for the group ─▶ the others' histories
 *
 * Both sides take a content in by the same rules (messenger_take()): only its author edits and deletes a message; of
 * several edits, of one author's reactions, and of the pins and lifetimes that members set, the newest stands, whatever
 * the order in which they come. @message is the id that a message has here (history.h). */
#pragma once

#include "cryptod/conversation/annotation.h"
#include "cryptod/conversation/keeping.h"
#include "cryptod/conversation/messenger.h"
#include "cryptod/conversation/retention.h"
#include "cryptod/conversation/transfer_record.h"

enum {
        RECEIPTS_MEMBERS_MAX = 100, /* of a group in which they are sent */
        TYPING_MEMBERS_MAX = 50,
        TYPING_SECONDS = 5, /* between two notices that somebody is typing; each is good for twice as long */
};

/* Says @content, whose kind and what belongs to it are set; salt, lifetime and, if it is 0, time are filled in.
 * @message: 0 if it does not stand in the history. -EINVAL: it is not within its bounds (content.h); -EMSGSIZE: a text
 * that is too long; -ENOTCONN: the conversation has no group any more; and, of what is about a message: -ENOENT: there
 * is none; -EPERM: it is another's; -EOPNOTSUPP: it can be neither edited nor deleted nor referred to; -E2BIG: too
 * many are pinned. */
int messenger_say(struct messenger *m, struct conversation *c, struct content *content, uint64_t *message);

/* Says that @t's file is at the hub, and forgets the record, in one transaction. */
int messenger_say_file(struct messenger *m, struct conversation *c, const struct transfer_record *t, uint64_t *message);

/* The same, with the messages as they are known here. @emoji: a list (list.h) of all that we think of it. */
int messenger_reply(struct messenger *m, struct conversation *c, uint64_t to, struct content *content,
                    uint64_t *message);
int messenger_edit(struct messenger *m, struct conversation *c, uint64_t message, struct bytes text);
int messenger_react(struct messenger *m, struct conversation *c, uint64_t message, struct bytes emoji);
int messenger_pin(struct messenger *m, struct conversation *c, uint64_t message, bool pinned);
int messenger_set_lifetime(struct messenger *m, struct conversation *c, uint32_t seconds);

/* Says a message's text or file again in another conversation, marked as forwarded. */
int messenger_forward(struct messenger *m, struct conversation *from, uint64_t message, struct conversation *to,
                      uint64_t *forwarded);

/* Deletes a message for all, which its author alone can, or here alone. */
int messenger_delete(struct messenger *m, struct conversation *c, uint64_t message, bool for_all);

/* Erases what was said, here alone; what waits to be sent stays. */
int messenger_clear(struct messenger *m, struct conversation *c);

/* What is kept here alone. Silent: nobody is told what was delivered and read here, nor that somebody types. Unread: a
 * mark that messenger_mark_read() takes away. Draft: an empty text erases it; @replies_to: a message, or 0. */
int messenger_set_silent(struct messenger *m, struct conversation *c, bool silent);
int messenger_mark_unread(struct messenger *m, struct conversation *c);
int messenger_set_draft(struct messenger *m, struct conversation *c, struct bytes text, uint64_t replies_to);

/* Tells the others that somebody is typing here, or has stopped: not more often than is good, not in large groups, and
 * not while anything waits for the hub. 0 also if it is not told. */
int messenger_typing(struct messenger *m, struct conversation *c, bool typing);

/* Sends receipts that are owed, many in one envelope, to the authors alone. 1 if more are owed, to be sent soon. */
int messenger_send_receipts(struct messenger *m);

/* Keeps @k of @c (NULL: of all that have no limits of their own) from now on, here alone; @k NULL: as of all. What is
 * beyond it goes with the next messenger_erase_expired(). -EINVAL: more than keeping.h allows. */
int messenger_set_keeping(struct messenger *m, const struct conversation *c, const struct keeping *k);

/* Erases what is to disappear by @now and what is beyond what is kept, or the first of it; how many seconds until the
 * next time, 0: nothing waits. */
int messenger_erase_expired(struct messenger *m, const struct instant *now, uint64_t *seconds);
