/* What is set for a conversation: how long its messages stay, which all members share, and what only its owner sees. */
#pragma once

#include "cryptod/conversation/content.h"
#include "cryptod/vault/vault.h"

struct settings {
        uint32_t lifetime;                    /* seconds, of what is written from now on; 0: for ever */
        uint64_t lifetime_time;               /* when a member set it, by its clock */
        uint8_t lifetime_id[CONTENT_ID_SIZE]; /* and with which content */
        bool silent;                          /* nobody is told what was delivered and read, and who is typing */
        bool marked_unread;                   /* by its owner, whatever has been read */
};

/* Within a transaction. */
int settings_store(struct vault *v, struct bytes conversation, const struct settings *s);

/* All of them as at first if nothing is stored. -EBADMSG */
int settings_load(struct vault *v, struct bytes conversation, struct settings *out);

/* A text that is not sent yet, and what it will reply to: a content's id, or empty. Store is within a transaction; an
 * empty text erases it. Load: 1 and @out, which the views point into, or 0; -EBADMSG. */
int draft_store(struct vault *v, struct bytes conversation, struct bytes text, struct bytes replies_to);
int draft_load(struct vault *v, struct bytes conversation, struct secret **out, struct bytes *text,
               struct bytes *replies_to);
