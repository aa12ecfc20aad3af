/* im.visavis.Hub1.Manager at /im/visavis/Hub1 (dbus/ has the interface): what the control socket does, for programs
 * that speak to the bus. For root and the user that the hub runs as; the bus policy says so, and it is looked at again.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "hub.h"

struct manager_object;

/* @address is what people are given, where it may change. Both it and @h must outlive the object. */
int manager_object_new(sd_bus *bus, struct hub *h, const char *address, struct manager_object **out);

/* Address or Registration may be another. */
void manager_object_changed(struct manager_object *m);

/* Ends what is under way, unanswered. Returns NULL. */
struct manager_object *manager_object_free(struct manager_object *m);
