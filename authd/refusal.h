/* Refusals: why somebody who asks for an attempt does not get one, in words. Each returns 0 if there is no such reason,
 * else what sd_bus_error_set(3) does, with the error set. */
#pragma once

#include "authd/authd.h"
#include "services/caller.h"

/* The storage's own last error; never 0. */
int refusal_storage(struct authd *a, sd_bus_error *error);

/* The account has to wait after failures; every account of @uid has, so that whoever may not verify any of them may not
 * try faces either, or there is none. */
int refusal_wait(struct authd *a, const char *account, sd_bus_error *error);
int refusal_any_wait(struct authd *a, uid_t uid, sd_bus_error *error);

/* An attempt of the account is under way. One at a time: a second one would be begun before the first is counted as a
 * failure. */
int refusal_busy(struct authd *a, const char *account, sd_bus_error *error);

/* It cannot be had with authd's engine, which has no networks. */
int refusal_without_networks(const struct authd *a, sd_bus_error *error);

/* @ticket, which is used up, does not show that the account's face was here a moment ago, alive, before this caller; an
 * enrolment's is of no account yet. */
int refusal_ticket(struct authd *a, struct bytes ticket, const char *account, const struct caller *caller,
                   sd_bus_error *error);
