/* When messages that disappear are erased.
 *
 * Deadlines are seconds of a clock of the vault's own, the retention clock, since the machine's can be set: while the
 * machine runs it goes with the boot clock, so that no change of the time of day erases anything early or keeps it;
 * over a restart of the machine it goes on by what the time of day has, but never back. */
#pragma once

#include "cryptod/vault/vault.h"

/* What the machine's clocks say. */
struct instant {
        uint64_t wall;    /* seconds since 1970 */
        uint64_t up;      /* seconds of the boot clock */
        uint8_t boot[16]; /* the boot's id */
};

struct instant instant_now(void);

/* Within a transaction: what the retention clock says, which is stored. What storage_run() returns. */
int retention_time(struct vault *v, const struct instant *now, uint64_t *out);

/* The same of the machine's clocks as they are, and nothing is stored, unless nothing was yet: for what is only noted.
 */
int retention_now(struct vault *v, uint64_t *out);

/* A message whose time is over at @time: 1 and which, or 0. */
struct expired {
        uint64_t id;
        uint8_t conversation[16];
};
int retention_expired(struct vault *v, uint64_t time, struct expired *out);

/* The next deadline; 0: there is none. */
int retention_next(struct vault *v, uint64_t *deadline);
