/* One client on a random walk: it follows what the delivery service has put in order, at its own pace and with losses,
 * and at each message it is known beforehand what has to come of it. Whatever goes otherwise fails the test. */
#pragma once

#include "tests/unit/mls/delivery.h"

enum { LETTERS = 64 };

enum where {
        OUTSIDE,
        INVITED, /* its Welcome is under way */
        MEMBER,  /* of the epoch that its group says, which need not be the newest */
        REMOVED, /* and knows it; it keeps its group and tries to read on */
};

struct walker {
        struct person person;
        char name[16];
        enum where where;
        struct writer welcome;
        uint64_t joined;            /* the first epoch of its group */
        bool seen[EPOCH_PROPOSALS]; /* proposals of its epoch that have come */
        struct secret *next_key;    /* the signature key that it changes to next */
        struct writer next_public_key;
};

/* Application data under way. Letters are never taken off: each may come to anybody, late, again, or never. */
struct letter {
        struct writer message;
        char text[24];
        uint64_t epoch;
        unsigned sender;
        bool read[WALKERS];
};

struct walk {
        const struct suite *suite;
        struct delivery service;
        struct walker walkers[WALKERS];
        unsigned count; /* of the walkers that take part */
        struct letter letters[LETTERS];
        unsigned sent;
};

/* What every client knows besides: one pre-shared key, named "shared". */
extern const struct group_host walk_host;

void walk_begin(struct walk *w, const struct suite *s, unsigned count);
void walk_end(struct walk *w);

uint64_t walker_epoch(const struct walker *m);

/* Gives a message to it: the result has to be @expected; and what is refused changes nothing. */
void walker_take(struct walker *m, struct bytes message, int expected, struct received *out);

/* Reads its Welcome. */
void walker_join(struct walk *w, unsigned i);

/* The nth proposal of its epoch comes, for the first time or again; or the commit that ended it, and the proposals that
 * it turns out to lack. False if there is none. */
bool walker_take_proposal(struct walk *w, unsigned i, unsigned n);
bool walker_follow(struct walk *w, unsigned i);

/* Another key package and other keys, for somebody who may be added anew. */
void walker_renew(struct walker *m);

/* The identity with the signature key that it changes to next. */
struct identity walker_next_identity(struct walker *m);

/* Sends a letter; gives one that was sent to somebody. */
void walker_write(struct walk *w, unsigned i);
void walker_read(struct walk *w, unsigned i, struct letter *l);

/* After a commit of its own: @commit is offered to the service, and @welcome goes to whom it adds. False if another was
 * first: then it waits as it was. Of an external commit, @welcome is not asked for. */
bool walker_offer(struct walk *w, unsigned i, const struct writer *commit, const struct writer *welcome);
