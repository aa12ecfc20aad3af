/* Conversations whose groups were erased, since the vault is an older copy (messenger_witness()), start anew by
 * themselves, one after the other; and ways into groups are looked for (messenger_invitation.h). */
#pragma once

#include "cryptod/account.h"

/* Begins with the next, also when something has come for which it may have waited. Nothing if there is none. */
void rejoining_next(struct account *a);

/* One has started, or has not (@r, and perhaps @error): the next. */
void rejoining_ended(struct account *a, const char *address, int r, const sd_bus_error *error);
