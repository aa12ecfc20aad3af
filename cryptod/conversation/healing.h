/* What a conversation needs so that what was lost in it is sent again: what is not wanted back, since when others are
 * in it, and a question that is to be asked. A sealed row. */
#pragma once

#include "cryptod/conversation/history.h"

enum { HEALING_ERASED_MAX = 256 };

struct healing {
        struct writer arrivals; /* struct { opaque author[32]; uint64 after; }[]: who has come while we were in it, and
                                   the last message that there was */
        struct writer erased;   /* content ids, one after the other: what the person has erased here, the newest last */
        uint64_t cleared;       /* when the whole was erased, microseconds since 1970; 0: never */
        uint64_t asked;         /* when the others were asked, seconds since 1970; 0: never */
        bool due;               /* they are to be asked (again) */
        bool open;              /* the history says that something was lost, and nothing has come of it yet */
        struct writer answered; /* whoever has sent something of it again: content_author(), one after the other */
};

void healing_release(struct healing *h);

/* An empty one if there is none. */
int healing_load(struct vault *v, struct bytes conversation, struct healing *out);

/* Within a transaction. */
int healing_store(struct vault *v, struct bytes conversation, const struct healing *h);

/* Notes that somebody has come after message @after, and reads it: 0 if they were there when we came. */
void healing_note_arrival(struct healing *h, struct bytes author, uint64_t after);
uint64_t healing_arrival(const struct healing *h, struct bytes author);

void healing_note_erased(struct healing *h, struct bytes content_id);
