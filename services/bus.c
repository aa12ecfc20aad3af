/* Signals for one receiver. */
#include <errno.h>

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

int bus_read_options(sd_bus_message *m, bus_read_option read, void *userdata, sd_bus_error *error)
{
        const char *name;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        return r;
                r = read(m, name, userdata, error);
                if (r == -ENXIO && !sd_bus_error_is_set(error))
                        return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                                 "The option \"%s\" has a value of another type than it takes.", name);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
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

static int append_properties(const struct bus_object *o, sd_bus_message *m)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (size_t i = 0; i < o->property_count && r >= 0; i++) {
                const struct bus_property *p = &o->properties[i];

                if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
                    (r = sd_bus_message_append(m, "s", p->name)) < 0 ||
                    (r = sd_bus_message_open_container(m, 'v', p->type)) < 0 ||
                    (r = o->append(m, p->name, o->userdata)) < 0 || (r = sd_bus_message_close_container(m)) < 0)
                        return r;
                r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_added(const struct bus_object *o, sd_bus_message *m)
{
        int r;

        if ((r = sd_bus_message_append(m, "o", o->path)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{sa{sv}}")) < 0 ||
            (r = sd_bus_message_open_container(m, 'e', "sa{sv}")) < 0 ||
            (r = sd_bus_message_append(m, "s", o->interface)) < 0 || (r = append_properties(o, m)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int manager_signal(sd_bus *bus, const char *destination, const struct bus_object *o, const char *member,
                          sd_bus_message **out)
{
        return bus_signal_to(bus, destination, o->manager, "org.freedesktop.DBus.ObjectManager", member, out);
}

int bus_emit_added_to(sd_bus *bus, const char *destination, const struct bus_object *o)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = manager_signal(bus, destination, o, "InterfacesAdded", &m);

        if (r >= 0)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = append_added(o, m);
        return r < 0 ? r : sd_bus_send(bus, m, NULL);
}

int bus_emit_removed_to(sd_bus *bus, const char *destination, const struct bus_object *o)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = manager_signal(bus, destination, o, "InterfacesRemoved", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "oas", o->path, 1, o->interface);
        return r < 0 ? r : sd_bus_send(bus, m, NULL);
}
