#include "announcement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/address.h"
#include "services/cleanup.h"
#include "services/log.h"

enum { AVAHI_ANY = -1, HOST_MAX = 64 };

#define AVAHI "org.freedesktop.Avahi"
#define GROUP_INTERFACE AVAHI ".EntryGroup"

struct announcement {
        sd_bus *bus;
        sd_bus_slot *owner, *call;
        char *group; /* the object at Avahi that holds it; NULL: none */
        char txt[sizeof("address=") + ADDRESS_TEXT_MAX];
        uint16_t port;
};

static void failed(const struct announcement *a, const char *what, sd_bus_message *m)
{
        const sd_bus_error *e = sd_bus_message_get_error(m);

        log_warning("Avahi does not announce this hub: %s says %s. People have to be given its address.", what,
                    e && e->message ? e->message : "nothing");
}

static int on_committed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        if (sd_bus_message_is_method_error(m, NULL))
                failed(userdata, "Commit", m);
        else
                log_info("The local network is told of this hub.");
        return 0;
}

static int on_added(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct announcement *a = userdata;

        if (sd_bus_message_is_method_error(m, NULL)) {
                failed(a, "AddService", m);
                return 0;
        }
        a->call = sd_bus_slot_unref(a->call);
        return sd_bus_call_method_async(a->bus, &a->call, AVAHI, a->group, GROUP_INTERFACE, "Commit", on_committed, a,
                                        "");
}

/* A name that no other hub of the network has, unless it is the same machine's. */
static void write_name(const struct announcement *a, char *out, size_t size)
{
        char host[HOST_MAX] = "?";

        (void) gethostname(host, sizeof(host) - 1);
        (void) snprintf(out, size, "Visavis on %.40s, port %u", host, a->port); /* at most 63 bytes (RFC 6763 §4.1.1) */
}

static int add_service(struct announcement *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char name[HOST_MAX];
        int r = sd_bus_message_new_method_call(a->bus, &m, AVAHI, a->group, GROUP_INTERFACE, "AddService");

        write_name(a, name, sizeof(name));
        if (r >= 0)
                r = sd_bus_message_append(m, "iiussssq", AVAHI_ANY, AVAHI_ANY, 0U, name, "_visavis._tcp", "", "",
                                          a->port);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', a->txt, strlen(a->txt));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        a->call = sd_bus_slot_unref(a->call);
        return r < 0 ? r : sd_bus_call_async(a->bus, &a->call, m, on_added, a, 0);
}

static int on_group(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct announcement *a = userdata;
        const char *path;

        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "o", &path) < 0) {
                log_info("Avahi does not run; the local network is told of this hub when it does.");
                return 0;
        }
        free(a->group);
        a->group = strdup(path);
        return a->group ? add_service(a) : -ENOMEM;
}

static int announce(struct announcement *a)
{
        a->call = sd_bus_slot_unref(a->call);
        return sd_bus_call_method_async(a->bus, &a->call, AVAHI, "/", AVAHI ".Server", "EntryGroupNew", on_group, a,
                                        "");
}

/* NameOwnerChanged: what an Avahi that is gone has held is gone as well. */
static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *after;

        if (sd_bus_message_read(m, "sss", NULL, NULL, &after) >= 0 && *after)
                (void) announce(userdata);
        return 0;
}

int announcement_new(sd_bus *bus, const char *address, uint16_t port, struct announcement **out)
{
        struct announcement *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->bus = sd_bus_ref(bus);
        a->port = port;
        (void) snprintf(a->txt, sizeof(a->txt), "address=%s", address);
        r = sd_bus_add_match_async(bus, &a->owner,
                                   "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                   "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" AVAHI "'",
                                   on_owner_changed, NULL, a);
        if (r >= 0)
                r = announce(a);
        if (r < 0) {
                announcement_free(a);
                return r;
        }
        *out = a;
        return 0;
}

struct announcement *announcement_free(struct announcement *a)
{
        if (!a)
                return NULL;
        if (a->group)
                (void) sd_bus_call_method_async(a->bus, NULL, AVAHI, a->group, GROUP_INTERFACE, "Free", NULL, NULL, "");
        (void) sd_bus_flush(a->bus);
        sd_bus_slot_unref(a->owner);
        sd_bus_slot_unref(a->call);
        sd_bus_unref(a->bus);
        free(a->group);
        free(a);
        return NULL;
}
