/* The end of an account, in an order in which nothing can come back and nothing is left:
 *
 *     slots and cell keys erased ─▶ authd: Forget ─▶ relayd: RemoveAccount ─▶ files deleted, off the bus
 *     └ on disk: it is destroyed
 *
 * Cut off behind the first step, it goes on at the next start; before it, nothing has happened. Each step may be made
 * twice. A hub that cannot be reached stops it at the third: the account stands as "destroyed" then, and it is tried
 * again from time to time, or when Destroy is called again. */
#pragma once

#include "cryptod/account.h"

/* Answers @call in the end. Returns 1, or an error that is set in @error. */
int destruction_start(struct account *a, sd_bus_message *call, bool local_only, sd_bus_error *error);

/* Goes on with one whose vault says that it is destroyed. */
void destruction_resume(struct account *a);

/* Nothing if there is none. */
void destruction_free(struct account *a);
