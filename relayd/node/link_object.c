/* im.visavis.Relay1.Link at /im/visavis/Relay1/link/ACCOUNT, for the account's Unix user and root.
 *
 * A change is told to those alone who have read a property before and were allowed to: a signal to everybody would tell
 * every user of the machine when another one sends or gets a message. Changes are gathered for a moment, so that a busy
 * queue does not flood the bus. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "services/bus.h"
#include "services/caller.h"
#include "services/cleanup.h"

enum { REPORT_USEC = 100 * 1000, WATCHERS_MAX = 32 };

#define INTERFACE "im.visavis.Relay1.Link"

static void path_of(const struct account *a, char *out, size_t size)
{
        (void) snprintf(out, size, "/im/visavis/Relay1/link/%s", a->row.account);
}

static int on_watchers_gone(sd_bus_track *track, void *userdata)
{
        return 1; /* 0 would have it called again and again */
}

static int check_caller(struct account *a, sd_bus_message *m, sd_bus_error *error)
{
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r < 0)
                return r;
        if (caller.uid != 0 && caller.uid != a->row.uid)
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED,
                                        "This account belongs to another user of this machine; ask its owner.");
        if (!a->watchers && sd_bus_track_new(a->node->bus, &a->watchers, on_watchers_gone, a) < 0)
                return 0;
        if (sd_bus_track_count(a->watchers) < WATCHERS_MAX)
                (void) sd_bus_track_add_name(a->watchers, caller.name);
        return 0;
}

static int on_reconnect(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        int r = check_caller(a, m, error);

        if (r < 0)
                return r;
        if (!a->row.enabled)
                return sd_bus_error_set(error, ERROR_HUB, "The link is switched off; set its property Enabled first.");
        if (a->row.registered)
                account_start(a);
        return sd_bus_reply_method_return(m, "");
}

static int on_delete(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        int local_only, r = check_caller(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "b", &local_only);
        return r < 0 ? r : account_delete(a, m, local_only);
}

static int append_property(struct account *a, const char *property, sd_bus_message *reply)
{
        static const char *const states[] = { [ACCOUNT_DISABLED] = "disabled",

                                              [ACCOUNT_OFFLINE] = "offline",
                                              [ACCOUNT_CONNECTING] = "connecting",
                                              [ACCOUNT_ONLINE] = "online" };
        char text[ADDRESS_TEXT_MAX];
        struct address hub = a->row.address;

        if (strcmp(property, "Account") == 0)
                return sd_bus_message_append(reply, "s", a->row.account);
        if (strcmp(property, "Enabled") == 0)
                return sd_bus_message_append(reply, "b", a->row.enabled);
        if (strcmp(property, "State") == 0)
                return sd_bus_message_append(reply, "s", states[a->state]);
        if (strcmp(property, "Since") == 0)
                return sd_bus_message_append(reply, "t", a->since);
        if (strcmp(property, "HubKey") == 0)
                return sd_bus_message_append(reply, "s",
                                             a->row.first_use         ? "first-use"
                                             : a->row.address.has_key ? "pinned"
                                                                      : "unknown");
        if (strcmp(property, "Proxy") == 0)
                return sd_bus_message_append(reply, "s", a->row.proxy);
        if (strcmp(property, "Bandwidth") == 0)
                return sd_bus_message_append(reply, "t", a->row.bandwidth);
        if (strncmp(property, "Bytes", 5) == 0) {
                uint64_t received, sent;

                account_traffic(a, &received, &sent);
                return sd_bus_message_append(reply, "t", strcmp(property, "BytesSent") == 0 ? sent : received);
        }
        if (strcmp(property, "LastError") == 0)
                return sd_bus_message_append(reply, "s", a->last_error);
        if (strcmp(property, "Outbox") == 0)
                return sd_bus_message_append(reply, "u", a->outbox);
        if (strcmp(property, "Inbox") == 0)
                return sd_bus_message_append(reply, "u", a->inbox);
        hub.name[0] = '\0';
        address_format(&hub, true, text);
        return sd_bus_message_append(reply, "s", text);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = sd_bus_get_current_message(bus);
        struct account *a = userdata;
        int r = m ? check_caller(a, m, error) : -EACCES;

        return r < 0 ? r : append_property(a, property, reply);
}

static int set_enabled(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = sd_bus_get_current_message(bus);
        struct account *a = userdata;
        int enabled, r = m ? check_caller(a, m, error) : -EACCES;

        if (r >= 0)
                r = sd_bus_message_read(value, "b", &enabled);
        if (r < 0)
                return r;
        if (account_enable(a, enabled) < 0)
                return sd_bus_error_setf(error, ERROR_STORAGE, "%s", ledger_describe(a->node->ledger));
        link_object_changed(a);
        return 0;
}

static int set_proxy(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                     void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = sd_bus_get_current_message(bus);
        struct account *a = userdata;
        const char *proxy = NULL;
        int r = m ? check_caller(a, m, error) : -EACCES;

        if (r >= 0)
                r = sd_bus_message_read(value, "s", &proxy);
        if (r < 0)
                return r;
        r = account_set_proxy(a, proxy);
        if (r == -EINVAL)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is not a proxy: write socks5://host:port, or nothing for none.",
                                         proxy);
        if (r < 0)
                return sd_bus_error_setf(error, ERROR_STORAGE, "%s", ledger_describe(a->node->ledger));
        link_object_changed(a);
        return 0;
}

static int set_bandwidth(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = sd_bus_get_current_message(bus);
        struct account *a = userdata;
        uint64_t bandwidth = 0;
        int r = m ? check_caller(a, m, error) : -EACCES;

        if (r >= 0)
                r = sd_bus_message_read(value, "t", &bandwidth);
        if (r < 0)
                return r;
        if (bandwidth > INT64_MAX)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT, "That is no limit; write 0 for none.");
        if (account_set_bandwidth(a, bandwidth) < 0)
                return sd_bus_error_setf(error, ERROR_STORAGE, "%s", ledger_describe(a->node->ledger));
        link_object_changed(a);
        return 0;
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Reconnect", "", "", on_reconnect, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Delete", SD_BUS_ARGS("b", local_only), SD_BUS_NO_RESULT, on_delete,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_WRITABLE_PROPERTY("Enabled", "b", get_property, set_enabled, 0,
                                 SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Account", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Hub", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("HubKey", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_WRITABLE_PROPERTY("Proxy", "s", get_property, set_proxy, 0,
                                 SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_WRITABLE_PROPERTY("Bandwidth", "t", get_property, set_bandwidth, 0,
                                 SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("State", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Since", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("LastError", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Outbox", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Inbox", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("BytesReceived", "t", get_property, 0, 0),
        SD_BUS_PROPERTY("BytesSent", "t", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

int link_object_export(struct account *a)
{
        char path[128];

        path_of(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->node->bus, &a->object, path, INTERFACE, vtable, a);
}

static int append_all(struct account *a, sd_bus_message *m)
{
        static const char *const names[][2] = { { "Enabled", "b" },   { "HubKey", "s" },    { "Proxy", "s" },
                                                { "Bandwidth", "t" }, { "Hub", "s" },       { "State", "s" },
                                                { "Since", "t" },     { "LastError", "s" }, { "Outbox", "u" },
                                                { "Inbox", "u" } };
        int r = sd_bus_message_append(m, "s", INTERFACE);

        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (unsigned i = 0; r >= 0 && i < COUNT_OF(names); i++) {
                if ((r = sd_bus_message_open_container(m, 'e', "sv")) >= 0 &&
                    (r = sd_bus_message_append(m, "s", names[i][0])) >= 0 &&
                    (r = sd_bus_message_open_container(m, 'v', names[i][1])) >= 0 &&
                    (r = append_property(a, names[i][0], m)) >= 0 && (r = sd_bus_message_close_container(m)) >= 0)
                        r = sd_bus_message_close_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_append(m, "as", 0);
}

static int on_report(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct account *a = userdata;
        char path[128];

        a->report = sd_event_source_disable_unref(a->report);
        path_of(a, path, sizeof(path));
        for (const char *name = sd_bus_track_first(a->watchers); name; name = sd_bus_track_next(a->watchers)) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

                if (bus_signal_to(a->node->bus, name, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                  &m) >= 0 &&
                    append_all(a, m) >= 0)
                        (void) sd_bus_send(a->node->bus, m, NULL);
        }
        return 0;
}

void link_object_changed(struct account *a)
{
        if (!a->report && a->watchers)
                (void) sd_event_add_time_relative(a->node->event, &a->report, CLOCK_MONOTONIC, REPORT_USEC, 0,
                                                  on_report, a);
}
