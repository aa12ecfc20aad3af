/* A ticket of authd's, for which it gives the face secret: what Unlock, the slots and CreateAccount have in common. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "services/bytes.h"
#include "services/caller.h"
#include "services/secret.h"

/* authd's answer to Redeem. @error NULL: @face_secret passes to the callback. @count, @unopened:
 * vault_count_redemption(). */
typedef void (*redeemed)(const sd_bus_error *error, struct secret *face_secret, bool enrolment, uint64_t count,
                         uint64_t unopened, void *userdata);

struct redemption;

/* Uses a ticket up for @account, of which @count redemptions are known, and the caller from whom it came. @done comes
 * once, unless it is freed before. */
int redemption_start(sd_bus *bus, struct bytes ticket, const char *account, const struct caller *caller, uint64_t count,
                     redeemed done, void *userdata, struct redemption **out);

/* Nobody waits for it any more: if authd has enrolled a face by then, that is undone. NULL is allowed. Returns NULL. */
struct redemption *redemption_free(struct redemption *r);

/* The factor that came with a ticket was good. */
void redemption_opened(sd_bus *bus, const char *account);

/* An enrolment that was redeemed has come to nothing: authd is told to forget that face. */
void redemption_undo(sd_bus *bus, const char *account);
