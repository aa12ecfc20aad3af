/* From a face and a PIN to an unlocked account: one sign-up or one log-in under way.
 *
 *     FACE ─(succeeded)─▶ TICKET ─▶ VAULT ─▶ done(path)
 *       └────────┴──────────┴────── error ─▶ done(error)
 *
 * The PIN is asked for before the camera starts, since a ticket is good for 30 seconds only; it is released as soon as
 * it has been handed over. The unlock belongs to the connection: when that closes, the account locks. */
#pragma once

#include "services/secret.h"
#include "ui/client/attempt.h"

/* As cryptod takes it, in bytes of UTF-8. */
enum { PIN_SIZE_MIN = 4, PIN_SIZE_MAX = 1024 };

struct login;

struct login_request {
        const char *account;             /* id to log in; NULL to sign up */
        const char *path;                /* the account's object; for a log-in */
        const char *address;             /* name@host:port#key; for a sign-up */
        const struct secret *invitation; /* a sign-up's token for the hub; NULL for none. Copied */
        const char *suite;               /* cipher suite for a sign-up; NULL for the daemon's choice */
        const char *camera;              /* a name of Cameras; NULL for the first */
        const char *without_face; /* a log-in without the camera: recovery, passphrase (im.visavis.Crypto1.Slots); else
                                   * NULL */
};

struct login_events {
        /* What the camera sees and what the person is to do now. */
        void (*changed)(struct login *l, const struct attempt_view *view, void *userdata);
        /* The face is accepted; the vault is being opened. May be NULL. */
        void (*opening)(struct login *l, void *userdata);
        /* The end: @path is the unlocked account's object, or @error says why not. A face that is refused has the name
         * CLIENT_ERROR_FACE; other names are those of services/bus.h. */
        void (*done)(struct login *l, const char *path, const sd_bus_error *error, void *userdata);
};

/* Starts. The strings of @request are copied; @pin passes to the log-in also if this fails; @events must outlive it.
 * The caller ends it with login_free(). */
int login_start(sd_bus *bus, const struct login_request *request, struct secret *pin, const struct login_events *events,
                void *userdata, struct login **out);

/* Cancels what is under way. May be called in its own callbacks. Returns NULL. */
struct login *login_free(struct login *l);

/* As attempt_open_preview(). */
int login_open_preview(struct login *l, attempt_preview done, void *userdata);
