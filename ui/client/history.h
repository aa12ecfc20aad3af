/* Finding what was said: im.visavis.Crypto1.History, for programs that show it. */
#pragma once

#include "ui/client/account.h"

struct search {
        const char *conversation; /* there alone; NULL: everywhere */
        uint32_t limit;           /* 1 to 500 */
};

struct match {
        const char *conversation;
        uint64_t message;
};

/* The newest first; borrowed during the call, and empty with an error. */
typedef void (*history_found)(const struct match *list, size_t n, const sd_bus_error *error, void *userdata);

/* The messages that have all of @words. Returns what sd_bus_call_async(3) does; if that is an error, @done is not
 * called. */
int history_search(struct account *a, struct calls *c, const char *words, const struct search *s, history_found done,
                   void *userdata);
