/* The hub tells the local network of itself, if announce = yes in hub.conf: by Avahi, over the bus (RFC 6763, type
 * _visavis._tcp, with its whole address in the TXT string "address="). Whenever Avahi comes back, it is told again. */
#pragma once

#include <stdint.h>
#include <systemd/sd-bus.h>

struct announcement;

/* @address: what people are given, at @port; copied. Without Avahi it waits for it, which the log says. */
int announcement_new(sd_bus *bus, const char *address, uint16_t port, struct announcement **out);

/* Takes it back. NULL is allowed. Returns NULL. */
struct announcement *announcement_free(struct announcement *a);
