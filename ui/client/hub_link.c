/* The link of an account to its hub, followed. */
#include "ui/client/hub_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/client/accounts.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/properties.h"

struct hub_link {
        sd_bus *bus;
        const struct hub_link_events *events;
        void *userdata;
        char path[LINK_PATH_SIZE];
        struct calls calls;
        sd_bus_slot *changed_slot;
        sd_bus_slot *gone_slot;
        bool reading; /* a GetAll is under way */
        bool stale;   /* a change was announced since it was sent */
        struct hub_link_view view;
};

static enum hub_link_state parse_state(const char *name)
{
        static const char *const names[] = { "disabled", "offline", "connecting", "online" };

        for (unsigned i = 0; i < COUNT_OF(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return (enum hub_link_state) i;
        return HUB_LINK_OFFLINE;
}

static int parse_view(sd_bus_message *m, struct hub_link_view *v)
{
        char state[32] = "";
        const struct property properties[] = {
                { "State", PROPERTY_STRING, state, sizeof(state) },
                { "Hub", PROPERTY_STRING, v->hub, sizeof(v->hub) },
                { "LastError", PROPERTY_STRING, v->last_error, sizeof(v->last_error) },
                { "Outbox", PROPERTY_UINT32, &v->outbox, 0 },
                { "Inbox", PROPERTY_UINT32, &v->inbox, 0 },
                { NULL, 0, NULL, 0 },
        };
        int r = properties_read(m, properties);

        v->state = parse_state(state);
        return r;
}

static void report(struct hub_link *l, const struct hub_link_view *view)
{
        l->view = *view;
        l->events->changed(l, view, l->userdata);
}

static void report_error(struct hub_link *l, const sd_bus_error *error)
{
        struct hub_link_view view = l->view;

        view.state = HUB_LINK_OFFLINE;
        snprintf(view.last_error, sizeof(view.last_error), "%s", client_error_text(error));
        report(l, &view);
}

static void read_again(struct hub_link *l);

static void on_properties(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        static const sd_bus_error malformed = SD_BUS_ERROR_MAKE_CONST(
                ERROR_INTERNAL, "relayd answered in a form that is not understood here; see that all parts of Visavis "
                                "have the same version.");
        struct hub_link *l = userdata;
        struct hub_link_view view = { 0 };

        l->reading = false;
        if (!error && parse_view(reply, &view) < 0)
                error = &malformed;
        if (l->stale && !error)
                read_again(l);
        if (error)
                report_error(l, error);
        else
                report(l, &view);
}

static int ask(struct hub_link *l)
{
        int r = calls_get_all(&l->calls, l->bus, RELAY_SERVICE, l->path, RELAY_LINK, on_properties, l);

        l->reading = r >= 0;
        l->stale = false;
        return r;
}

/* An error here means that the connection has ended, which the account notices, too. */
static void read_again(struct hub_link *l)
{
        if (l->reading)
                l->stale = true;
        else
                (void) ask(l);
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        read_again(userdata);
        return 0;
}

/* Reading starts it again, by activation. */
static int on_gone(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        if (client_from_bus(m))
                read_again(userdata);
        return 0;
}

int hub_link_open(sd_bus *bus, const char *account, const struct hub_link_events *events, void *userdata,
                  struct hub_link **out)
{
        struct hub_link *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        *l = (struct hub_link){ .bus = sd_bus_ref(bus), .events = events, .userdata = userdata };
        int r = account_link_path(account, l->path);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &l->changed_slot, RELAY_SERVICE, l->path,
                                              "org.freedesktop.DBus.Properties", "PropertiesChanged", on_changed, NULL,
                                              l);
        if (r >= 0)
                r = client_watch_service(bus, RELAY_SERVICE, on_gone, l, &l->gone_slot);
        if (r >= 0)
                r = ask(l);
        if (r < 0) {
                hub_link_free(l);
                return r;
        }
        *out = l;
        return 0;
}

struct hub_link *hub_link_free(struct hub_link *l)
{
        if (!l)
                return NULL;
        calls_cancel(&l->calls);
        sd_bus_slot_unref(l->changed_slot);
        sd_bus_slot_unref(l->gone_slot);
        sd_bus_unref(l->bus);
        free(l);
        return NULL;
}

static void on_tried(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        if (error)
                report_error(userdata, error);
        else
                read_again(userdata);
}

void hub_link_try(struct hub_link *l)
{
        if (l->view.state == HUB_LINK_DISABLED)
                (void) calls_method(&l->calls, l->bus, RELAY_SERVICE, l->path, "org.freedesktop.DBus.Properties", "Set",
                                    on_tried, l, "ssv", RELAY_LINK, "Enabled", "b", 1);
        else
                (void) calls_method(&l->calls, l->bus, RELAY_SERVICE, l->path, RELAY_LINK, "Reconnect", on_tried, l,
                                    "");
}
