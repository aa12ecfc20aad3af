/* That something waits for accounts that are locked. cryptod can open nothing then, and tells of nothing; relayd knows
 * how much there is, and no more is said than that there is something. */
#pragma once

#include "ui/client/accounts.h"

struct waiting;

struct waiting *waiting_new(void);
struct waiting *waiting_free(struct waiting *w);

/* Follows these accounts, and no others. */
void waiting_follow(struct waiting *w, sd_bus *bus, const struct account_entry *list, size_t n);
void waiting_stop(struct waiting *w);
