/* The node: relayd as a whole. It holds the accounts, the ledger and the bus, and answers im.visavis.Relay1. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "ledger.h"
#include "services/peer.h"
#include "services/secret.h"

struct account;

struct node_settings {
        struct peer crypto;     /* who may use the Delivery interface */
        uint32_t window;        /* entries that the hub may push ahead of our acknowledgement */
        uint32_t inbox_max;     /* envelopes kept for a locked account before the hub has to keep them */
        uint64_t inbox_bytes;   /* the same, in bytes */
        uint64_t backoff_usec;  /* the longest wait between two attempts to connect */
        uint64_t patience_usec; /* after which a hub that cannot be reached is gone round */
        const char *proxy;      /* that a new account starts with; "": none */
        uint64_t bandwidth;     /* the same: bytes a second for files, 0: no limit */
        uint64_t spool_max;     /* bytes of an account's files that are under way */
};

struct node {
        sd_event *event;
        sd_bus *bus;
        struct node_settings settings;
        struct secret *key;
        struct ledger *ledger;
        struct spool *spool;
        sd_bus_track *transfer_watchers; /* who has asked for a transfer */
        sd_bus_slot *transfer_gate;
        struct network *network;
        struct discovery *discovery;
        struct account *accounts; /* a list */
};

/* Opens the ledger, starts the accounts' links and exports the bus objects. A sentence has been logged on error. */
int node_new(sd_event *event, sd_bus *bus, const char *directory, const struct node_settings *settings,
             struct node **out);

/* Commits what is open and ends all links. Returns NULL. */
struct node *node_free(struct node *n);

/* The account with this id, or NULL. */
struct account *node_account(struct node *n, const char *account);

/* delivery.c: exports im.visavis.Relay1.Delivery. */
int delivery_export(struct node *n);
