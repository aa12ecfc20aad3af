/* sd-bus in GLib's main loop: what sd_bus_attach_event(3) is for sd-event. */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

/* Lets the default main context process @bus, one message an iteration, until bus_source_free() or until the connection
 * ends (client_watch_connection() tells of that). Takes a reference to the bus. */
GSource *bus_source_new(sd_bus *bus);

/* Returns NULL; NULL is allowed. May be called from within a callback of the bus. */
GSource *bus_source_free(GSource *source);
