/* Envelopes that wait for the hub, in their order, from the transaction that made them to the one that takes their
 * outcome in. relayd keeps them as well; what is given to it twice counts once. */
#pragma once

#include "cryptod/vault/vault.h"

enum { ENVELOPE_ID_SIZE = 16, ENVELOPE_MAX = 1024 * 1024 };

struct envelope {
        uint64_t number;              /* its place in the order */
        uint8_t id[ENVELOPE_ID_SIZE]; /* the idempotency key */
        int64_t membership;           /* whose commit it is, or, for a room, whose anything; 0: no commit */
        uint64_t message;             /* that it carries; 0: none */
        bool is_for_room;             /* its content is a body of SEND_TO_ROOM (room.h), and these three are empty */
        struct bytes recipients;      /* a list of addresses (list.h), none only for a commit */
        struct bytes group;           /* whose epoch it moves on, or empty */
        uint64_t epoch;               /* of that group, before */
        struct bytes content;
        struct secret *plain; /* the views point into it */
};

void envelope_release(struct envelope *e);

/* Within a transaction: queues one; its id is made, its number is not set. */
int outbox_add(struct vault *v, struct envelope *e);

/* The first after @number, or the one with this id: 1 and @out filled, or 0. */
int outbox_next(struct vault *v, uint64_t number, struct envelope *out);
int outbox_find(struct vault *v, struct bytes id, struct envelope *out);

/* Whether an envelope of this message waits, other than the one with @id. False for message 0. */
int outbox_has_message(struct vault *v, uint64_t message, struct bytes id);

/* Within a transaction: the hub has answered it. */
int outbox_remove(struct vault *v, struct bytes id);

/* Whether an envelope of this id can be this vault's: 1 if it waits, or one with a larger id was answered (ids are made
 * in their order), or none is known to have been; else 0. */
int outbox_knows(struct vault *v, struct bytes id);

/* Within a transaction: from now on so many were queued, and one of this id (which may be empty) was answered. */
int outbox_catch_up(struct vault *v, uint64_t queued, struct bytes id);
