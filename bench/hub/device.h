/* A device of the load generator: a client of the wire, over relayd/link's frames and TLS. Thousands of them share one
 * TLS context, one transport key and one event loop, so that they cost little beside the hub that is measured.
 *
 * Whatever goes wrong ends the program with a sentence: a measurement in which something failed is none. */
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <systemd/sd-event.h>

#include "relayd/link/message.h"
#include "services/secret.h"

struct device;

struct fleet {
        sd_event *event;
        SSL_CTX *context;
        struct secret *key; /* of all devices */
        uint8_t public_key[WIRE_TRANSPORT_KEY_SIZE];
        struct sockaddr_in hub;
        unsigned up;      /* devices that have proved themselves */
        unsigned resumed; /* of them, so far */
        void *userdata;   /* of these, which may be NULL: */
        void (*on_up)(void *userdata);
        void (*on_stored)(void *userdata, struct device *d); /* SENDs were answered, all that came in one go */
        void (*on_entry)(void *userdata, struct bytes payload);
};

/* A message's id as clients make it: a number that grows, and random bytes. */
void order_id(uint64_t number, uint8_t id[static WIRE_MESSAGE_ID_SIZE]);

void fleet_open(struct fleet *f);
void fleet_close(struct fleet *f);

/* Who connects from now on connects to this port of loopback. */
void fleet_aim(struct fleet *f, uint16_t port);

/* Runs the loop once, for at most so long. */
void fleet_turn(struct fleet *f, uint64_t usec);

/* Runs it until so many devices have proved themselves. */
void fleet_wait(struct fleet *f, unsigned up);

/* Runs it for so long. */
void fleet_rest(struct fleet *f, double seconds);

struct device *device_new(struct fleet *f, const char *name);
struct device *device_free(struct device *d);

/* Connects (again); on_up() follows. With @fetching it asks for its entries then, and acknowledges in one go what came
 * in one go. */
void device_connect(struct device *d, bool fetching);
void device_disconnect(struct device *d);

/* Sends to @recipients, the content of the vector. The hub's limit of requests in flight is the caller's to keep. */
void device_send(struct device *d, struct bytes recipients, unsigned count, struct bytes payload);

/* SENDs that were made, and those that were answered. */
uint64_t device_sent(const struct device *d);
uint64_t device_stored(const struct device *d);
