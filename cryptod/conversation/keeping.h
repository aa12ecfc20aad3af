/* How much of what was said somebody keeps, whatever the others do and beside what disappears by itself: for a
 * conversation, or for all that have no limits of their own. Sealed rows; what comes of it: messenger_erase_expired().
 */
#pragma once

#include "cryptod/vault/vault.h"

enum { KEEPING_DAYS_MAX = 36500, KEEPING_MESSAGES_MAX = 1000000000 };

struct keeping {
        uint32_t days;     /* since a message came to stand here; 0: no limit */
        uint32_t messages; /* the newest; 0: no limit */
};

/* Within a transaction. @conversation: its id; empty: of all. Erase: it follows that of all again, which is none at
 * first. What vault_seal() and storage_run() return. */
int keeping_store(struct vault *v, struct bytes conversation, const struct keeping *k);
int keeping_erase(struct vault *v, struct bytes conversation);

/* What counts for @conversation: 1 if it is its own, 0 if it is that of all. -EBADMSG */
int keeping_load(struct vault *v, struct bytes conversation, struct keeping *out);
