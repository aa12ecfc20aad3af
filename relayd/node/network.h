/* Notices when the way to the hubs may have changed: an interface, address or route of this machine (rtnetlink(7)), or
 * its waking up (logind's PrepareForSleep). Either may be absent: then the links' own keep-alive finds out, later. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

struct network;

/* Calls @changed a moment after a change; changes that come together are told once. -ENOMEM or the like. */
int network_watch(sd_event *event, sd_bus *bus, void (*changed)(void *userdata), void *userdata, struct network **out);

/* Returns NULL. */
struct network *network_free(struct network *n);
