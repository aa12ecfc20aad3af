/* A new account, from its enrolment's ticket to its published key packages; manager_object.c's CreateAccount.
 *
 *     redeem ─▶ derive ─▶ register (relayd, the hub) ─▶ vault on disk, unlocked ─▶ publish ─▶ answer */
#pragma once

#include "cryptod/account.h"
#include "services/caller.h"

struct creation_request {
        const char *account; /* the id that authd made, checked */
        struct address address;
        const char *suite; /* checked */
        struct bytes ticket;
        int factor;     /* duplicated */
        int invitation; /* duplicated, for relayd to read; -1: none */
};

/* Answers @m in the end. Returns 1, or an error that is set in @error. */
int creation_start(struct cryptod *c, sd_bus_message *m, const struct caller *caller,
                   const struct creation_request *request, sd_bus_error *error);

/* Deletes what there is of an account that was never finished: its vault's files, and authd's face. */
void creation_forget(struct cryptod *c, const char *id);

/* Ends all that are under way, unanswered; authd is told to forget the faces. */
void creation_cancel_all(struct cryptod *c);
