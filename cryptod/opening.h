/* From a ticket and a factor to a face secret and a slot's key: what Unlock and CreateAccount have in common.
 *
 *     redeem ─(authd: the face secret)─▶ derive ─(a thread: Argon2id)─▶ done */
#pragma once

#include "cryptod/account.h"
#include "cryptod/vault/slot_job.h"
#include "services/caller.h"

/* authd's answer to Redeem. @error NULL: @face_secret passes to the callback. */
typedef void (*redeemed)(const sd_bus_error *error, struct secret *face_secret, bool enrolment, void *userdata);

struct redemption;

/* Uses a ticket up for @account and the caller from whom it came. @done comes once, unless it is freed before. */
int redemption_start(sd_bus *bus, struct bytes ticket, const char *account, const struct caller *caller, redeemed done,
                     void *userdata, struct redemption **out);
struct redemption *redemption_free(struct redemption *r);

/* account_object.c's Unlock: answers @m in the end. @factor is duplicated. */
int opening_start(struct account *a, sd_bus_message *m, const struct caller *caller, struct bytes ticket, int factor,
                  sd_bus_error *error);

/* Ends one that is under way: it is locked meanwhile, says its answer. Nothing if there is none. */
void opening_refuse(struct account *a);

/* The error of a slot job as a sentence. */
int opening_describe(int result, sd_bus_error *error);
