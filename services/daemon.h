/* The life of a daemon: options, configuration, log, event loop, bus name, readiness, watchdog, clean stop.
 *
 *     start ─▶ configure ─▶ start() ─▶ own the bus name ─▶ READY=1 ─▶ loop ─▶ STOPPING=1 ─▶ stop() ─▶ exit
 *
 * SIGTERM and SIGINT end the loop. SIGHUP has the configuration read again, in a daemon that can (RELOADING=1, then
 * READY=1 again); it ends others. The process is made non-dumpable and its core limit is zero before anything is read.
 * Options that every daemon understands: --bus ADDRESS (default: the system bus; for a daemon that can do without and
 * that systemd has not started, the person's), --config DIRS, --state DIR (default: $STATE_DIRECTORY), --log-level
 * NAME, --version, --help. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "config.h"

struct daemon {
        sd_event *event;
        sd_bus *bus; /* attached to @event; NULL for a daemon without a bus name, or if there is none and need not be */
        struct config *config;
        bool bus_is_optional;
        const char *addressed_signals;
        const char *state_directory; /* exists, mode 0700, ours */
};

struct daemon_type {
        const char *name;              /* "visavis-authd": log identifier and configuration file */
        const char *description;       /* one line for --help */
        const char *bus_name;          /* requested after start(); NULL for none */
        const char *addressed_signals; /* the interface of signals that somebody addresses to us, and whose sender the
                                        * program checks; NULL: there are none */
        bool bus_is_optional;          /* it does without a bus, or without its name there; then @d->bus is NULL */
        const struct config_key *keys;
        const struct daemon_option {  /* further options, ended by {NULL}; may be NULL */
                const char *name;     /* "room" for --room */
                const char *argument; /* its name in --help; NULL for a flag */
                const char *help;
                const char **value; /* set to the argument, or to "yes" for a flag */
        } * options;

        /* Builds the program's own object and exports its vtables. On error a sentence has been logged. */
        int (*start)(struct daemon *d, void **state);
        /* @d->config has been read again, after SIGHUP: takes from it what can be changed while it runs. The one before
         * is freed after that. On error a sentence has been logged, nothing has changed and the one before stays. May
         * be NULL. */
        int (*reload)(struct daemon *d, void *state);
        /* Ends it: zeroes keys, closes files. Called also after SIGTERM. */
        void (*stop)(struct daemon *d, void *state);
};

/* Runs a daemon from main(); returns its exit status. */
int daemon_run(const struct daemon_type *type, int argc, char *argv[]);
