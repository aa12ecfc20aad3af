/* From a ticket and a factor to an open vault, or to another slot.
 *
 *     redeem ─(authd: the face secret)─▶ derive ─(a thread: Argon2id)─▶ done */
#pragma once

#include "cryptod/account.h"
#include "cryptod/vault/slot_job.h"
#include "services/caller.h"

/* What is done once a factor has proved good. All but the first need an unlock that the caller holds. */
enum opening_action {
        OPENING_UNLOCK,
        OPENING_STORE,   /* a new slot, or another one in the place of @number; a face that was enrolled anew takes the
                            place of all slots of the one before, which nothing can open any more */
        OPENING_REMOVE,  /* slot @number */
        OPENING_OFFER,   /* a recovery code, to be typed back */
        OPENING_CONFIRM, /* it is */
};

struct opening_request {
        enum opening_action action;
        enum slot_kind kind; /* of the factor */
        struct bytes ticket; /* empty where neither the factor nor the new slot has a face */
        int factor;          /* duplicated, as new_factor is */
        unsigned number;
        enum slot_kind new_kind; /* 0: no slot is made */
        int new_factor;          /* -1: none */
        const char *label;       /* copied */
};

/* Answers @m in the end. Returns 1, or an error that is set in @error. */
int opening_start(struct account *a, sd_bus_message *m, const struct caller *caller,
                  const struct opening_request *request, sd_bus_error *error);

/* relayd has said what it has seen of the vault, or cannot be asked: an Unlock that waits for that is answered. */
void opening_attached(struct account *a);

/* Ends one that is under way: it is locked meanwhile, says its answer. Nothing if there is none. */
void opening_refuse(struct account *a);

/* The error of a slot job as a sentence. */
int opening_describe(int result, sd_bus_error *error);
