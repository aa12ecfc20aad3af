/* The files of an account that are on their way: the objects of im.visavis.Crypto1.Transfer, followed. */
#pragma once

#include "ui/client/account.h"

struct transfer {
        char path[160]; /* the object's */
        char conversation[33];
        char direction[8]; /* send, receive */
        char state[16];    /* sealing, waiting, running, paused, ready, failed */
        char name[256], error[512];
        uint64_t message, size; /* of a file that is fetched: its message; bytes, 0: not known */
        double progress;        /* 0 to 1 */
};

struct transfers;

struct transfers_events {
        /* There is another one, one has changed, or has gone. */
        void (*changed)(struct transfers *t, void *userdata);
};

/* Follows those of @a, which must outlive it, as must @events. Ended by transfers_free(). Errors: what
 * sd_bus_call_async(3) returns. */
int transfers_open(struct account *a, const struct transfers_events *events, void *userdata, struct transfers **out);
struct transfers *transfers_free(struct transfers *t);

/* The @i-th; NULL behind the last. Valid until the next change. */
const struct transfer *transfers_at(const struct transfers *t, size_t i);
/* The one at this path; NULL if there is none any more. */
const struct transfer *transfers_find(const struct transfers *t, const char *path);
