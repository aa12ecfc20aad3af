/* More of im.visavis.Crypto1.Account: what its owner sets, and its end. */
#include <errno.h>
#include <string.h>

#include "cryptod/destruction.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/polkit.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Account"

enum { IDLE_LOCK_MAX = 7 * 24 * 3600 };

/* An unlock, but for what nobody can unlock any more. */
static bool may_destroy(struct account *a, sd_bus_message *m)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct caller caller;

        return (vault_is_destroyed(a->vault) ? account_object_check_owner(a, m, &caller, &error)
                                             : account_object_check_holder(a, m, &error)) >= 0;
}

static int destroy(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct address address;
        const char *name;
        int local_only, r;

        if (!a->vault) /* somebody else was asked as well */
                return sd_bus_error_set(error, ERROR_NOT_FOUND, "The account is gone by now.");
        r = sd_bus_message_read(m, "sb", &name, &local_only);
        if (r >= 0)
                r = address_parse(vault_account(a->vault)->address, &address, NULL);
        if (r < 0)
                return r;
        if (strcmp(name, address.name) != 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "The account is called %s, not \"%s\"; nothing was destroyed.", address.name,
                                         name);
        return destruction_start(a, m, local_only, error);
}

static int on_destroy(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return may_destroy(userdata, m) ? destroy(m, userdata, error)
                                        : polkit_ask(m, "im.visavis.destroy-account", destroy, userdata, error);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = sd_bus_get_current_message(bus);
        struct account *a = userdata;
        const struct vault_account *record = vault_account(a->vault);
        int r = m ? account_object_watch(a, m, error) : -EACCES;

        if (r < 0)
                return r;
        return strcmp(property, "Label") == 0 ? sd_bus_message_append(reply, "s", record->label)
                                              : sd_bus_message_append(reply, "u", record->idle_lock);
}

static int stored(struct account *a, int r, const char *property, sd_bus_error *error)
{
        const char *const names[] = { property, NULL };

        if (r < 0)
                return account_object_storage_error(r, error);
        account_object_tell(a, names);
        return 0;
}

static int set_label(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                     void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = sd_bus_get_current_message(bus);
        struct account *a = userdata;
        struct caller caller;
        const char *label = "";
        int r = m ? account_object_check_owner(a, m, &caller, error) : -EACCES;

        if (r >= 0)
                r = sd_bus_message_read(value, "s", &label);
        if (r < 0)
                return r;
        if (strlen(label) > ACCOUNT_LABEL_MAX || !utf8_valid(BYTES_STRING(label)))
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "A label has up to %d bytes of UTF-8.",
                                         ACCOUNT_LABEL_MAX);
        return stored(a, vault_set_label(a->vault, label), property, error);
}

static int set_idle_lock(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = sd_bus_get_current_message(bus);
        struct account *a = userdata;
        uint32_t seconds = 0;
        int r = m ? account_object_check_holder(a, m, error) : -EACCES;

        if (r >= 0)
                r = sd_bus_message_read(value, "u", &seconds);
        if (r < 0)
                return r;
        if (seconds > IDLE_LOCK_MAX)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "The idle time has up to %d seconds; 0: none.",
                                         IDLE_LOCK_MAX);
        r = stored(a, vault_set_idle_lock(a->vault, seconds), property, error);
        if (r < 0)
                return r;
        a->idle = sd_event_source_disable_unref(a->idle);
        account_touch(a);
        return 0;
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Destroy", SD_BUS_ARGS("s", name, "b", local_only), SD_BUS_NO_RESULT, on_destroy,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_WRITABLE_PROPERTY("Label", "s", get_property, set_label, 0,
                                 SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_WRITABLE_PROPERTY("IdleLock", "u", get_property, set_idle_lock, 0,
                                 SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

int settings_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->settings_object, path, INTERFACE, vtable, a);
}
