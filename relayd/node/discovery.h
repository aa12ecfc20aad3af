/* Hubs on the local network: im.visavis.Relay1.Discovery at /im/visavis/Relay1, for everybody on the machine. It asks
 * Avahi, which speaks multicast DNS (RFC 6762, RFC 6763), over the bus, and only when it is asked itself. What comes of
 * it is what anybody on that network says: an address to look at, with a key to compare. */
#pragma once

#include "node.h"

/* The interface whose signals are addressed to us, for daemon_type. */
#define DISCOVERY_SIGNALS "org.freedesktop.Avahi.ServiceBrowser"

struct discovery;

/* Exports the interface. Errors: of sd-bus. */
int discovery_new(struct node *n, struct discovery **out);

/* Ends what is being looked for. NULL is allowed. Returns NULL. */
struct discovery *discovery_free(struct discovery *d);
