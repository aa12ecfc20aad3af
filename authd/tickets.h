/* Tickets: what a passed attempt is worth.
 *
 * A ticket is 32 random bytes, good once and for 30 seconds, for the account, the Unix user and the unique bus name for
 * which it was issued. Only its hash is kept. Whoever presents one wrongly uses it up: it has been seen by somebody who
 * should not have it. The ticket of an enrolment carries what it is about, because that is on no disk yet. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "authd/gallery.h"
#include "authd/template.h"
#include "services/secret.h"

enum {
        TICKET_SIZE = 32,
        TICKETS_MAX = 256,
        TICKET_LIFETIME_USEC = 30 * 1000 * 1000,
        ACCOUNT_ID_SIZE = 33, /* 32 hex digits and NUL */
};

/* An enrolment that has not become lasting. */
struct enrolment {
        char account[ACCOUNT_ID_SIZE];
        uid_t uid;
        struct template template; /* rotated */
        struct gallery *gallery;  /* instead of it, of the engine "lbph"; or NULL */
        struct secret *rotation;  /* the seed of its rotation */
        struct secret *face_secret;
};

/* Wipes and frees. NULL is allowed. Returns NULL. */
struct enrolment *enrolment_free(struct enrolment *e);

struct tickets;

struct tickets *tickets_new(void); /* NULL when memory is exhausted */
struct tickets *tickets_free(struct tickets *t);

/* Issues a ticket at @now, microseconds of CLOCK_BOOTTIME. @caller: a unique bus name. @enrolment passes over in any
 * case; NULL for a verification. -ENOSPC if TICKETS_MAX are valid. */
int tickets_issue(struct tickets *t, const char *account, uid_t uid, const char *caller, struct enrolment *enrolment,
                  uint64_t now, uint8_t out[static TICKET_SIZE]);

/* Uses a ticket up. -ENOENT if there is none, it has expired, or it is not for this account, user and caller; the
 * reasons are not told apart. *@out_enrolment passes to the caller; NULL for a verification. */
int tickets_redeem(struct tickets *t, struct bytes ticket, const char *account, uid_t uid, const char *caller,
                   uint64_t now, struct enrolment **out_enrolment);

/* Drops the tickets of a caller who has left the bus, and those that have expired. */
void tickets_drop_caller(struct tickets *t, const char *caller);
void tickets_expire(struct tickets *t, uint64_t now);

/* How many are valid or not yet dropped. */
unsigned tickets_count(const struct tickets *t);
