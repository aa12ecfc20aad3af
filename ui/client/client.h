/* A program's connection to the bus on which authd, cryptod and relayd live.
 *
 * Everything under ui/client/ is asynchronous: a call returns at once and its callback comes from sd_bus_process(),
 * which the program drives from its own loop (sd-event in the CLI, a GSource in the desktop). Callbacks do not nest. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "services/bus.h"

#define AUTH_SERVICE "im.visavis.Auth1"
#define AUTH_PATH "/im/visavis/Auth1"
#define AUTH_MANAGER "im.visavis.Auth1.Manager"
#define AUTH_ATTEMPT "im.visavis.Auth1.Attempt"
#define CRYPTO_SERVICE "im.visavis.Crypto1"
#define CRYPTO_PATH "/im/visavis/Crypto1"
#define CRYPTO_MANAGER "im.visavis.Crypto1.Manager"
#define CRYPTO_ACCOUNT "im.visavis.Crypto1.Account"
#define CRYPTO_SLOTS "im.visavis.Crypto1.Slots"
#define CRYPTO_CONTACTS "im.visavis.Crypto1.Contacts"
#define CRYPTO_FILES "im.visavis.Crypto1.Files"
#define CRYPTO_HISTORY "im.visavis.Crypto1.History"
#define CRYPTO_HUBS "im.visavis.Crypto1.Hubs"
#define CRYPTO_GROUPS "im.visavis.Crypto1.Groups"
#define CRYPTO_MESSAGES "im.visavis.Crypto1.Messages"
#define CRYPTO_NOTIFICATIONS "im.visavis.Crypto1.Notifications"
#define CRYPTO_ROOMS "im.visavis.Crypto1.Rooms"
#define CRYPTO_TRANSFERS "im.visavis.Crypto1.Transfers"
#define CRYPTO_TRANSFER "im.visavis.Crypto1.Transfer"
#define RELAY_SERVICE "im.visavis.Relay1"
#define RELAY_PATH "/im/visavis/Relay1"
#define RELAY_LINK "im.visavis.Relay1.Link"

/* What only the person's side can know, named as the services' errors are. */
#define CLIENT_ERROR_FACE                                                                                              \
        VISAVIS_ERROR "FaceRefused" /* the person before the camera was not recognised as alive and right */
#define CLIENT_ERROR_CANCELLED                                                                                         \
        VISAVIS_ERROR "Cancelled" /* the person, or the end of the program, ended the attempt                          \
                                   */

/* Connects to @address; NULL means $VISAVIS_BUS, or the system bus if that is not set. The caller ends it with
 * client_disconnect(). Errors: what sd_bus_start(3) returns. */
int client_connect(const char *address, sd_bus **out);
sd_bus *client_disconnect(sd_bus *bus);

/* Calls @gone when the service @name leaves the bus. The match ends with *slot. Anybody may send anybody a signal, and
 * sd-bus does not check who sent one: @gone must ask client_from_bus() first. */
int client_watch_service(sd_bus *bus, const char *name, sd_bus_message_handler_t gone, void *userdata,
                         sd_bus_slot **slot);

/* True if @m was sent by the bus itself. */
bool client_from_bus(sd_bus_message *m);

/* Calls @lost when the bus closes the connection. */
int client_watch_connection(sd_bus *bus, sd_bus_message_handler_t lost, void *userdata, sd_bus_slot **slot);

/* True if @e says that a service, or the bus, could not be reached (as opposed to an answer of the service). */
bool client_error_unreachable(const sd_bus_error *e);

/* The sentence for a person: the service's own, or for errors of the bus what they mean here. Valid as long as @e. */
const char *client_error_text(const sd_bus_error *e);
