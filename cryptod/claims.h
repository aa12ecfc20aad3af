/* Key packages of one or more people, which relayd is asked for one after the other, and the call on the bus that waits
 * for them.
 *
 *     claims_start ─▶ ClaimKeyPackage ─▶ … ─▶ the last has come: done() answers the call
 *                          └─ refused, or the account was locked meanwhile: the call is answered with that error */
#pragma once

#include "cryptod/account.h"

enum { CLAIMS_AT_ONCE = 8 /* of an account */, CLAIMED_AT_ONCE_MAX = 50 /* people in one call */ };

/* Uses the key packages, in the order of the addresses; both are borrowed. It answers @call, whose arguments it may
 * read again (sd_bus_message_rewind()), or returns an error, which may be in @error. */
typedef int (*claims_done)(struct account *a, sd_bus_message *call, const struct invitee *invitees, size_t count,
                           sd_bus_error *error);

/* Reads one address of @call's and enters it into @addresses, a list (list.h), in its canonical form; one that stands
 * there already is left out. Errors in words: it is none, or the account's own. */
int claims_read_address(struct account *a, const char *text, struct writer *addresses, sd_bus_error *error);

/* Asks for all of @addresses, also for none. 1, or an error. @call NULL: nobody waits; rejoining_ended() is
 * called when it is over. */
int claims_start(struct account *a, sd_bus_message *call, struct bytes addresses, claims_done done,
                 sd_bus_error *error);

/* What the messenger says of a key package, in words. */
int claims_error(int r, const struct invitee *invitees, size_t count, sd_bus_error *error);
