/* sd-bus in GLib's main loop. */
#include "ui/desktop/bus_source.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct bus_source {
        GSource source;
        sd_bus *bus;
        gpointer descriptor; /* GLib's handle of the watched descriptor */
        uint64_t wake_up;    /* CLOCK_MONOTONIC, microseconds; UINT64_MAX: never */
};

static bool is_due(const struct bus_source *s)
{
        return s->wake_up <= (uint64_t) g_get_monotonic_time();
}

static gboolean prepare(GSource *source, int *timeout)
{
        struct bus_source *s = (struct bus_source *) source;
        int events = sd_bus_get_events(s->bus);

        *timeout = -1;
        s->wake_up = UINT64_MAX;
        /* An error means that the connection has ended: dispatch() then hears it, too. */
        if (events < 0 || sd_bus_get_timeout(s->bus, &s->wake_up) < 0) {
                s->wake_up = 0;
                return TRUE;
        }
        g_source_modify_unix_fd(source, s->descriptor,
                                (events & POLLIN ? G_IO_IN : 0) | (events & POLLOUT ? G_IO_OUT : 0));
        if (is_due(s))
                return TRUE;
        if (s->wake_up != UINT64_MAX) {
                uint64_t wait = (s->wake_up - (uint64_t) g_get_monotonic_time()) / 1000 + 1;
                *timeout = (int) MIN(wait, (uint64_t) G_MAXINT);
        }
        return FALSE;
}

static gboolean check(GSource *source)
{
        struct bus_source *s = (struct bus_source *) source;

        return g_source_query_unix_fd(source, s->descriptor) != 0 || is_due(s);
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer userdata)
{
        struct bus_source *s = (struct bus_source *) source;

        return sd_bus_process(s->bus, NULL) < 0 ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void finalize(GSource *source)
{
        sd_bus_unref(((struct bus_source *) source)->bus);
}

GSource *bus_source_new(sd_bus *bus)
{
        static GSourceFuncs functions = {
                .prepare = prepare, .check = check, .dispatch = dispatch, .finalize = finalize
        };
        GSource *source = g_source_new(&functions, sizeof(struct bus_source));
        struct bus_source *s = (struct bus_source *) source;

        s->bus = sd_bus_ref(bus);
        s->descriptor = g_source_add_unix_fd(source, sd_bus_get_fd(bus), G_IO_IN);
        g_source_set_static_name(source, "visavis bus");
        g_source_attach(source, NULL);
        return source;
}

GSource *bus_source_free(GSource *source)
{
        if (source) {
                g_source_destroy(source);
                g_source_unref(source);
        }
        return NULL;
}
