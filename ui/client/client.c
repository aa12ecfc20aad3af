/* A program's connection to the bus. */
#include "ui/client/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

int client_connect(const char *address, sd_bus **out)
{
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        if (!address)
                address = getenv("VISAVIS_BUS");
        if (!address || !*address) {
                r = sd_bus_open_system(out);
                return r < 0 ? r : 0;
        }
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_negotiate_fds(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *out = TAKE(bus);
        return 0;
}

sd_bus *client_disconnect(sd_bus *bus)
{
        return sd_bus_flush_close_unref(bus);
}

int client_watch_service(sd_bus *bus, const char *name, sd_bus_message_handler_t gone, void *userdata,
                         sd_bus_slot **slot)
{
        char match[256];

        /* arg2, the new owner, is empty when nobody owns the name any more. */
        snprintf(match, sizeof(match),
                 "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s',arg2=''",
                 name);
        int r = sd_bus_add_match_async(bus, slot, match, gone, NULL, userdata);
        return r < 0 ? r : 0;
}

bool client_from_bus(sd_bus_message *m)
{
        const char *sender = sd_bus_message_get_sender(m);

        return sender && strcmp(sender, "org.freedesktop.DBus") == 0;
}

int client_watch_connection(sd_bus *bus, sd_bus_message_handler_t lost, void *userdata, sd_bus_slot **slot)
{
        /* Made by sd-bus in this process; from outside nothing can come with this sender. */
        int r = sd_bus_match_signal_async(bus, slot, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                          "org.freedesktop.DBus.Local", "Disconnected", lost, NULL, userdata);
        return r < 0 ? r : 0;
}

bool client_error_unreachable(const sd_bus_error *e)
{
        static const char *const names[] = {
                SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_NO_REPLY,
                SD_BUS_ERROR_DISCONNECTED,    SD_BUS_ERROR_TIMEOUT,
        };

        for (unsigned i = 0; i < COUNT_OF(names); i++)
                if (sd_bus_error_has_name(e, names[i]))
                        return true;
        return e->name && strncmp(e->name, "org.freedesktop.DBus.Error.Spawn.", 33) == 0;
}

const char *client_error_text(const sd_bus_error *e)
{
        if (sd_bus_error_has_name(e, SD_BUS_ERROR_DISCONNECTED))
                return "The message bus closed the connection; start again when it is back.";
        if (sd_bus_error_has_name(e, SD_BUS_ERROR_NO_REPLY) || sd_bus_error_has_name(e, SD_BUS_ERROR_TIMEOUT))
                return "A service of Visavis ended or did not answer; try again, and see its journal if it goes on.";
        if (client_error_unreachable(e))
                return "A service of Visavis is not there and could not be started; see that it is installed "
                       "(systemctl "
                       "status visavis-authd visavis-cryptod visavis-relayd).";
        return e->message && *e->message ? e->message : e->name ? e->name : "The call failed; no reason was given.";
}
