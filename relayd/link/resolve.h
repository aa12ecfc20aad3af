/* getaddrinfo(3) in a thread of its own, so that a slow name server never stops the event loop. */
#pragma once

#include <netdb.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct resolve;

/* @error is 0 or what getaddrinfo(3) returns (gai_strerror(3)); @addresses is the callee's, freed with freeaddrinfo(3).
 * The object is done for: its owner ends it with resolve_free(), here or later. */
typedef void (*resolve_done)(void *userdata, int error, struct addrinfo *addresses);

/* Starts to look up @host for TCP on @port. */
int resolve_start(sd_event *event, const char *host, uint16_t port, resolve_done done, void *userdata,
                  struct resolve **out);

/* Ends it; if the answer is not there yet, nobody hears of it any more. Returns NULL. */
struct resolve *resolve_free(struct resolve *r);
