/* Both ends of a bus connection in one process: the client under test and a service that the test plays.
 *
 * Without a bus between them, a test decides who a message comes from: the service's messages carry PEER_SENDER, and
 * others can be made with any sender. */
#pragma once

#include "tests/unit/services/cmocka_headers.h"

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define PEER_SENDER ":1.7"

struct peer {
        sd_event *event;
        sd_bus *client;
        sd_bus *service; /* NULL once it has been closed */
};

void peer_open(struct peer *p);
void peer_close(struct peer *p);

/* Closes the service's end, as when the bus goes away. */
void peer_lose(struct peer *p);

/* Runs the loop until *@condition; fails the test after five seconds. */
void peer_run(struct peer *p, const bool *condition);

/* Runs the loop until nothing is left to do. */
void peer_settle(struct peer *p);

/* Sends a signal with this sender. */
void peer_signal(struct peer *p, const char *sender, const char *path, const char *interface, const char *member,
                 const char *types, ...);

/* The bus says that @name has no owner any more, or somebody (@sender) who says so in its place. */
void peer_service_gone(struct peer *p, const char *sender, const char *name);
