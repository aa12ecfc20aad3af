/* cryptod as a whole: the accounts of this machine's people, and its side of the bus. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "cryptod/vault/key_derivation.h"
#include "services/peer.h"

enum { ACCOUNTS_PER_USER = 16, CREATIONS_AT_ONCE = 4 };

#define CRYPTO_PATH "/im/visavis/Crypto1"

struct account;
struct creation;

/* A vault that cannot be opened, whosever it is. */
struct unopened {
        struct unopened *next;
        char *id;
        int error; /* a negative errno */
};

struct cryptod_settings {
        struct peer relay;     /* who may use the Inbox interface, */
        struct peer auth;      /* and the Failures interface */
        uint64_t argon2_usec;  /* how long deriving a key is to take */
        bool passphrase_alone; /* whether it may open a vault */
        const char *suite;     /* of new accounts; belongs to the configuration */
};

struct cryptod {
        sd_event *event;
        sd_bus *bus;
        const char *state_directory;
        struct cryptod_settings settings;
        struct argon2_parameters argon2; /* calibrated at the first need; memory 0: not yet */
        struct account *accounts;        /* a list */
        struct account *ended;           /* a list: account_end() */
        struct creation *creations;      /* a list */
        struct unopened *unopened;       /* a list */
        uint64_t retried;                /* when they were last tried again, microseconds of the boot clock */
        int inhibitor;                   /* logind.c */
};

/* Loads the accounts, all locked, and exports the bus objects. A sentence has been logged on error. */
int cryptod_new(sd_event *event, sd_bus *bus, const char *state_directory, const struct cryptod_settings *settings,
                struct cryptod **out);

/* Locks everything. Returns NULL. */
struct cryptod *cryptod_free(struct cryptod *c);

/* The account with this id, or NULL. */
struct account *cryptod_account(struct cryptod *c, const char *id);

/* Tries those again that could not be opened, unless that was done a moment ago: their disk may be well by now. */
void cryptod_retry(struct cryptod *c);

/* manager_object.c, inbox_object.c and failures_object.c export im.visavis.Crypto1.Manager, .Inbox and .Failures. */
int manager_object_export(struct cryptod *c);
int inbox_object_export(struct cryptod *c);
int failures_object_export(struct cryptod *c);
