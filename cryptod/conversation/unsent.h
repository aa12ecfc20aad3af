/* Contents that wait for their conversation's group, in their order, each as it will be sent. */
#pragma once

#include "cryptod/vault/vault.h"

struct unsent {
        uint64_t number;
        uint64_t message; /* of the history, which it is; 0: none */
        bool damaged;     /* what it said is lost */
        struct bytes content;
        struct secret *plain; /* which it points into */
};

void unsent_release(struct unsent *u);

/* Within a transaction: adds one. */
int unsent_add(struct vault *v, struct bytes conversation, uint64_t message, struct bytes content);

/* The first of a conversation: 1 and @out filled, or 0. @out has no content if it is as in its message, which was
 * written before there was anything else that could wait. */
int unsent_next(struct vault *v, struct bytes conversation, struct unsent *out);

/* Within a transaction: takes out one, or that of a message. */
int unsent_remove(struct vault *v, uint64_t number);
int unsent_remove_message(struct vault *v, uint64_t message);
