/* Signals for one receiver. */
#include "bus.h"

#include "cleanup.h"

static int send_invalidated(sd_bus *bus, const char *destination, const char *path, const char *interface,
                            const char *const *names)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = bus_signal_to(bus, destination, path, "org.freedesktop.DBus.Properties", "PropertiesChanged", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "sa{sv}", interface, 0);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) names);
        return r < 0 ? r : sd_bus_send(bus, m, NULL);
}

int bus_emit_properties_changed_to(sd_bus *bus, const char *destination, const char *path, const char *interface,
                                   const char *const *names)
{
        int r;

        if (!names[0])
                return 0;
        if (destination)
                r = send_invalidated(bus, destination, path, interface, names);
        else
                r = sd_bus_emit_properties_changed_strv(bus, path, interface, (char **) names);
        return r < 0 ? r : 0;
}

int bus_signal_to(sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member,
                  sd_bus_message **out)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_signal(bus, &m, path, interface, member);

        if (r >= 0)
                r = sd_bus_message_set_destination(m, destination);
        if (r < 0)
                return r;
        *out = TAKE(m);
        return 0;
}

int bus_answer_list(sd_bus_message *m, const char *type, sd_bus_message **out)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        int r = sd_bus_message_new_method_return(m, &answer);

        if (r >= 0)
                r = sd_bus_message_sensitive(answer);
        if (r >= 0)
                r = sd_bus_message_open_container(answer, 'a', type);
        if (r < 0)
                return r;
        *out = TAKE(answer);
        return 0;
}

int bus_send_list(sd_bus_message *answer)
{
        int r = sd_bus_message_close_container(answer);

        return r < 0 ? r : sd_bus_send(NULL, answer, NULL);
}
