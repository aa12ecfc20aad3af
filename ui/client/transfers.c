/* See transfers.h. cryptod says which has changed by name alone, so its properties are read again. */
#include "ui/client/transfers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/properties.h"

struct entry {
        struct transfer transfer;
        struct transfers *list;
        struct entry *next;
        struct calls calls;
        bool known; /* its properties have come */
        bool stale; /* … and something has changed since they were asked for */
};

struct transfers {
        struct account *account;
        const struct transfers_events *events;
        void *userdata;
        struct calls calls;
        sd_bus_slot *slots[2];
        struct entry *first;
};

static struct entry **find(struct transfers *t, const char *path)
{
        struct entry **at = &t->first;

        while (*at && strcmp((*at)->transfer.path, path) != 0)
                at = &(*at)->next;
        return at;
}

static void drop(struct entry **at)
{
        struct entry *e = *at;

        *at = e->next;
        calls_cancel(&e->calls);
        free(e);
}

static void ask(struct entry *e);

static int read_properties(sd_bus_message *reply, struct transfer *t)
{
        const struct property table[] = { { "Conversation", PROPERTY_STRING, t->conversation, sizeof(t->conversation) },
                                          { "Direction", PROPERTY_STRING, t->direction, sizeof(t->direction) },
                                          { "State", PROPERTY_STRING, t->state, sizeof(t->state) },
                                          { "Name", PROPERTY_STRING, t->name, sizeof(t->name) },
                                          { "Error", PROPERTY_STRING, t->error, sizeof(t->error) },
                                          { "Message", PROPERTY_UINT64, &t->message, 0 },
                                          { "Size", PROPERTY_UINT64, &t->size, 0 },
                                          { "Progress", PROPERTY_DOUBLE, &t->progress, 0 },
                                          { NULL, 0, NULL, 0 } };

        return properties_read(reply, table);
}

static void on_properties(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct entry *e = userdata;
        struct transfers *t = e->list;

        if (error || read_properties(reply, &e->transfer) < 0) {
                drop(find(t, e->transfer.path)); /* it has gone meanwhile */
        } else {
                e->known = true;
                if (e->stale)
                        ask(e);
        }
        t->events->changed(t, t->userdata);
}

static void ask(struct entry *e)
{
        struct account *a = e->list->account;

        e->stale = e->calls.first;
        if (!e->calls.first)
                (void) calls_get_all(&e->calls, account_bus(a), account_owner(a), e->transfer.path, CRYPTO_TRANSFER,
                                     on_properties, e);
}

static bool is_transfer(const char *path)
{
        return strstr(path, "/transfer/") && strlen(path) < sizeof(((struct transfer *) NULL)->path);
}

static void look_at(struct transfers *t, const char *path)
{
        struct entry **at = find(t, path);

        if (!*at && is_transfer(path)) {
                *at = calloc(1, sizeof(**at));
                if (!*at)
                        return;
                (*at)->list = t;
                (void) snprintf((*at)->transfer.path, sizeof((*at)->transfer.path), "%s", path);
        }
        if (*at)
                ask(*at);
}

static bool is_ours(const struct transfers *t, sd_bus_message *m)
{
        const char *owner = account_owner(t->account), *sender = sd_bus_message_get_sender(m);

        return owner && sender && strcmp(owner, sender) == 0;
}

static int on_objects(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct transfers *t = userdata;
        const char *path;

        if (!is_ours(t, m) || sd_bus_message_read(m, "o", &path) <= 0)
                return 0;
        if (sd_bus_message_is_signal(m, NULL, "InterfacesAdded") > 0) {
                look_at(t, path);
        } else if (*find(t, path) && sd_bus_message_is_signal(m, NULL, "InterfacesRemoved") > 0) {
                drop(find(t, path));
                t->events->changed(t, t->userdata);
        }
        return 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct transfers *t = userdata;

        if (is_ours(t, m))
                look_at(t, sd_bus_message_get_path(m));
        return 0;
}

static void on_managed(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct transfers *t = userdata;
        const char *path;

        if (error || sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}") < 0)
                return;
        while (sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}") > 0 &&
               sd_bus_message_read(reply, "o", &path) > 0) {
                if (is_transfer(path))
                        look_at(t, path);
                if (sd_bus_message_skip(reply, "a{sa{sv}}") < 0 || sd_bus_message_exit_container(reply) < 0)
                        return;
        }
}

static int watch(struct transfers *t)
{
        _cleanup_free_ char *rule = NULL;
        sd_bus *bus = account_bus(t->account);
        const char *path = account_path(t->account);
        int r = sd_bus_match_signal_async(bus, &t->slots[0], CRYPTO_SERVICE, path, "org.freedesktop.DBus.ObjectManager",
                                          NULL, on_objects, NULL, t);

        if (asprintf(&rule,
                     "type='signal',sender='%s',path_namespace='%s/transfer',"
                     "interface='org.freedesktop.DBus.Properties'",
                     CRYPTO_SERVICE, path) < 0)
                return -ENOMEM;
        return r < 0 ? r : sd_bus_add_match_async(bus, &t->slots[1], rule, on_changed, NULL, t);
}

int transfers_open(struct account *a, const struct transfers_events *events, void *userdata, struct transfers **out)
{
        struct transfers *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        *t = (struct transfers){ .account = a, .events = events, .userdata = userdata };
        int r = watch(t);
        if (r >= 0)
                r = calls_method(&t->calls, account_bus(a), account_owner(a), account_path(a),
                                 "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", on_managed, t, "");
        if (r < 0) {
                transfers_free(t);
                return r;
        }
        *out = t;
        return 0;
}

struct transfers *transfers_free(struct transfers *t)
{
        if (!t)
                return NULL;
        calls_cancel(&t->calls);
        while (t->first)
                drop(&t->first);
        for (unsigned i = 0; i < COUNT_OF(t->slots); i++)
                sd_bus_slot_unref(t->slots[i]);
        free(t);
        return NULL;
}

const struct transfer *transfers_at(const struct transfers *t, size_t i)
{
        for (const struct entry *e = t->first; e; e = e->next)
                if (e->known && i-- == 0)
                        return &e->transfer;
        return NULL;
}

const struct transfer *transfers_find(const struct transfers *t, const char *path)
{
        for (const struct entry *e = t->first; e; e = e->next)
                if (e->known && strcmp(e->transfer.path, path) == 0)
                        return &e->transfer;
        return NULL;
}
