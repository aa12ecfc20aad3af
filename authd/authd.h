/* authd as a whole: cameras, networks, accounts, tickets and the attempts under way.
 *
 * manager.c answers im.visavis.Auth1.Manager, redemption.c im.visavis.Auth1.Tickets, attempt.c an attempt's own object.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "authd/accounts.h"
#include "authd/camera.h"
#include "authd/discovery.h"
#include "authd/sight.h"
#include "authd/tickets.h"
#include "services/peer.h"

#define AUTHD_PATH "/im/visavis/Auth1"

enum {
        ATTEMPTS_MAX = 128,         /* objects, finished ones included */
        ATTEMPTS_PER_USER_MAX = 16, /* for root too */
};

struct attempt;

/* A camera as the attempts see it. */
struct post {
        struct post *next;
        struct authd *authd;
        struct camera camera;
        char *path; /* of a camera that was found, not configured */
        bool absent, infrared;
        struct sight *sight;     /* open, or closing */
        struct attempt *attempt; /* whose turn it is; NULL: free, though it may still be closing */
};

struct authd_settings {
        struct peer crypto;    /* who may redeem tickets */
        unsigned accounts_max; /* of a user */
        bool adapts;           /* templates learn from log-ins */
        const char *devices;   /* the folder in which cameras are found; NULL: in none */
        const char *models;    /* directory */
        enum engine engine;
};

struct authd {
        sd_event *event;
        sd_bus *bus;
        struct authd_settings settings;
        struct manifest manifest;  /* of the models, as it was at the start */
        const char *directory;     /* of the accounts */
        struct accounts *accounts; /* NULL: they cannot be opened, and nothing begins that needs them */
        uint64_t retried;          /* when that was last tried, as authd_now(), */
        int error;                 /* and why it failed */
        struct tickets *tickets;
        sd_event_source *expiry; /* of the tickets */
        struct post *posts;      /* in the order of the configuration, then those that were found */
        struct discovery *discovery;
        struct attempt *attempts;
        uint64_t last; /* number of the newest attempt */
        bool camera_active;
};

/* Checks the networks, opens the accounts, reads the cameras and exports the bus objects. @config must outlive it. A
 * sentence has been logged on error. */
int authd_new(sd_event *event, sd_bus *bus, const struct config *config, const char *directory,
              const struct authd_settings *settings, struct authd **out);

/* Ends all attempts, closes the cameras, wipes what it knows. NULL is allowed. Returns NULL. */
struct authd *authd_free(struct authd *a);

/* The camera with this name, or NULL. For NULL the default one: the first that is configured, or that is found and sees
 * colours, which the networks have learnt from, or that is found. */
struct post *authd_post(struct authd *a, const char *name);

/* Why it cannot be used: -ENOENT, -EACCES, -EBUSY (an attempt is before it), or 0. */
int post_state(const struct post *p);

/* Takes the camera for an attempt, which is told by attempt_seen() and attempt_closed(); if it is still being closed
 * for the one before, it is opened as soon as that is done. Errors: those of sight_start(). */
int post_take(struct post *p, struct attempt *t);

/* Gives it back: it is closed. */
void post_leave(struct post *p);

/* Microseconds of CLOCK_BOOTTIME. */
uint64_t authd_now(void);

/* To be called before the accounts are used: opens them if that has failed so far, at most once a second. A Storage
 * error in words is set if it fails, for their disk is full, cannot be written to, or damaged; and authd is there all
 * the same, to say so. */
int authd_ready(struct authd *a, sd_bus_error *error);

/* The same before an attempt, which is to be counted: whether the disk has room for that. */
int authd_ready_for_attempt(struct authd *a, bool enrolment, sd_bus_error *error);

/* manager.c, administration.c (more of the same interface), redemption.c: export their interface. */
int manager_export(struct authd *a);
int administration_export(struct authd *a);
int redemption_export(struct authd *a);

/* manager.c: CameraActive has changed; so have the cameras that there are. */
void manager_camera_changed(struct authd *a);
void manager_cameras_changed(struct authd *a);
