/* im.visavis.Crypto1.Notifications at /im/visavis/Crypto1/account/ID: what a program may show at once. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cryptod/account.h"
#include "cryptod/conversation/notification.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Notifications"

static void tell(struct account *a, const struct conversation *c, const struct notification *n)
{
        _cleanup_free_ char *id = hex_encode(conversation_id(c));
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        for (const char *name = sd_bus_track_first(a->holders); name && id; name = sd_bus_track_next(a->holders)) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

                if (bus_signal_to(a->cryptod->bus, name, path, INTERFACE, "Notified", &m) >= 0 &&
                    sd_bus_message_sensitive(m) >= 0 &&
                    sd_bus_message_append(m, "sssss", n->request ? "request" : "message", *n->title ? id : "", n->title,
                                          n->sender, n->text ? (const char *) n->text->data : "") >= 0)
                        (void) sd_bus_send(a->cryptod->bus, m, NULL);
        }
}

void notifications_object_message_added(struct account *a, const struct conversation *c, uint64_t message)
{
        _cleanup_(notification_release) struct notification n = { 0 };
        int r = notification_make(a->vault, c, message, (uint64_t) time(NULL), &n);

        if (r < 0)
                log_warning("What came for account %s cannot be notified: %s.", account_id(a), strerror(-r));
        if (r > 0)
                tell(a, c, &n);
}

static int get_level(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = sd_bus_get_current_message(bus);
        struct account *a = userdata;
        enum notification_level level = NOTIFICATION_BARE;
        struct caller caller;
        int r = m ? account_object_check_owner(a, m, &caller, error) : -EACCES;

        if (r >= 0 && a->messenger)
                r = notification_level_load(a->vault, &level);
        return r < 0 ? r : sd_bus_message_append(reply, "s", notification_level_name(level));
}

static int set_level(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                     void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = sd_bus_get_current_message(bus);
        enum notification_level level;
        struct account *a = userdata;
        const char *name = "";
        int r = m ? account_object_check_holder(a, m, error) : -EACCES;

        if (r >= 0)
                r = sd_bus_message_read(value, "s", &name);
        if (r < 0)
                return r;
        if (notification_level_parse(name, &level) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is no level of notifications; there are full, sender and bare.", name);
        r = notification_level_store(a->vault, level);
        return r < 0 ? account_object_storage_error(r, error) : 0;
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY("Level", "s", get_level, set_level, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Notified",
                                SD_BUS_ARGS("s", kind, "s", conversation, "s", title, "s", sender, "s", text), 0),
        SD_BUS_VTABLE_END,
};

int notifications_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->notifications_object, path, INTERFACE, vtable, a);
}
