/* What may be shown of a message that has come, on a screen that others see, too: as much as the person has chosen, and
 * nothing of what is muted or not accepted. */
#pragma once

#include "cryptod/conversation/messenger.h"

enum notification_level {
        NOTIFICATION_FULL,   /* who, where and what */
        NOTIFICATION_SENDER, /* who and where */
        NOTIFICATION_BARE,   /* that something came */
};

enum { NOTIFICATION_TEXT_MAX = 256 };

/* full, sender, bare; and back: -EINVAL. */
const char *notification_level_name(enum notification_level l);
int notification_level_parse(const char *name, enum notification_level *out);

/* The account's; NOTIFICATION_FULL if nothing is stored. Load: -EBADMSG if the vault is damaged. */
int notification_level_load(struct vault *v, enum notification_level *out);
int notification_level_store(struct vault *v, enum notification_level l);

struct notification {
        bool request;                                         /* somebody wants to talk: nothing else is said */
        char title[CONVERSATION_NAME_MAX + ADDRESS_TEXT_MAX]; /* a nickname, an address, a group's name */
        char sender[ADDRESS_TEXT_MAX + 1];
        struct secret *text; /* NUL-terminated; NULL: it is not to be shown */
};

void notification_release(struct notification *n);

/* What to show of a message of @c: 1 and @out, or 0: nothing. @now: seconds since 1970. -EBADMSG */
int notification_make(struct vault *v, const struct conversation *c, uint64_t message, uint64_t now,
                      struct notification *out);
