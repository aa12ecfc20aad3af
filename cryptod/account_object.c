/* im.visavis.Crypto1.Account at /im/visavis/Crypto1/account/ID, for the Unix user whose account it is.
 *
 * Signals go to those alone who hold an unlock, and changes of properties to those who have read one and were allowed
 * to: what somebody does with an account is nobody else's business on the machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/opening.h"
#include "services/bus.h"
#include "services/caller.h"
#include "services/cleanup.h"
#include "services/storage.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Account"

enum { WATCHERS_MAX = 32, HOLDERS_MAX = 64 };

int account_object_path(const struct account *a, char *out, size_t size)
{
        return snprintf(out, size, CRYPTO_PATH "/account/%s", account_id(a));
}

/* -- who calls ---------------------------------------------------------------------------------------------------- */

static int on_watchers_gone(sd_bus_track *track, void *userdata)
{
        return 1; /* 0 would have it called again and again */
}

int account_object_check_owner(struct account *a, sd_bus_message *m, struct caller *caller, sd_bus_error *error)
{
        int r = caller_of(m, caller);

        if (r < 0)
                return r;
        if (caller->uid != vault_account(a->vault)->uid)
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED,
                                        "This account belongs to another user of this machine.");
        return 0;
}

int account_object_check_holder(struct account *a, sd_bus_message *m, sd_bus_error *error)
{
        struct caller caller;
        int r = account_object_check_owner(a, m, &caller, error);

        if (r < 0)
                return r;
        if (!a->messenger || !a->holders || !sd_bus_track_contains(a->holders, caller.name))
                return sd_bus_error_set(
                        error, ERROR_LOCKED,
                        "The account is locked for this program; log in first, or have a program that is "
                        "logged in grant it.");
        account_touch(a);
        return 0;
}

int account_object_read_conversation(struct account *a, sd_bus_message *m, sd_bus_error *error,
                                     struct conversation **out)
{
        uint8_t id[CONVERSATION_ID_SIZE];
        const char *text;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        *out = hex_decode(text, id, sizeof(id)) < 0 ? NULL : messenger_find(a->messenger, BYTES_OF(id));
        return *out ? 0
                    : sd_bus_error_setf(error, ERROR_NOT_FOUND,
                                        "There is no conversation \"%s\"; ListConversations says which there are.",
                                        text);
}

int account_object_storage_error(int r, sd_bus_error *error)
{
        return sd_bus_error_setf(error, ERROR_STORAGE, "The vault could not be used, and nothing was changed: %s.",
                                 storage_advice(r));
}

int account_object_read_address(sd_bus_message *m, char canonical[static ADDRESS_TEXT_MAX], sd_bus_error *error)
{
        struct address address;
        const char *text, *reason = "";
        int r = sd_bus_message_read(m, "s", &text);

        if (r < 0)
                return r;
        if (address_parse(text, &address, &reason) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not an address: %s Write name@host.",
                                         text, reason);
        address_format(&address, false, canonical);
        return 0;
}

void account_own_address(const struct account *a, char out[static ADDRESS_TEXT_MAX])
{
        struct address own;

        out[0] = '\0';
        if (address_parse(vault_account(a->vault)->address, &own, NULL) >= 0)
                address_format(&own, false, out);
}

int account_object_append_list(sd_bus_message *m, struct bytes addresses)
{
        struct reader reader;
        int r = sd_bus_message_open_container(m, 'a', "s");

        reader_init(&reader, addresses);
        while (r >= 0 && reader_more(&reader)) {
                char address[ADDRESS_TEXT_MAX + 1]; /* with the mark of another key */
                struct bytes text = read_vector(&reader);

                if (text.size >= sizeof(address))
                        return -EBADMSG;
                (void) snprintf(address, sizeof(address), "%.*s", (int) text.size, (const char *) text.data);
                r = sd_bus_message_append(m, "s", address);
        }
        if (r >= 0)
                r = reader_finish(&reader);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* -- lock and unlock ---------------------------------------------------------------------------------------------- */

static int on_unlock(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct caller caller;
        struct opening_request q = { .action = OPENING_UNLOCK, .kind = SLOT_FACE_AND_FACTOR, .new_factor = -1 };
        const void *ticket;
        size_t size;
        int r = account_object_check_owner(a, m, &caller, error);

        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &ticket, &size);
        if (r >= 0)
                r = sd_bus_message_read(m, "h", &q.factor);
        if (r < 0)
                return r;
        q.ticket = BYTES(ticket, size);
        return opening_start(a, m, &caller, &q, error);
}

static int on_lock(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r >= 0 && caller.uid != 0)
                r = account_object_check_owner(a, m, &caller, error);
        if (r < 0)
                return r;
        account_lock(a);
        return sd_bus_reply_method_return(m, "");
}

static int on_grant(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        struct account *a = userdata;
        const char *name;
        uid_t uid;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        if (name[0] != ':')
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is not a unique bus name such as :1.42; others can change hands.",
                                         name);
        if (sd_bus_track_count(a->holders) >= HOLDERS_MAX)
                return sd_bus_error_set(error, ERROR_BUSY, "Too many programs share this unlock; end some of them.");
        r = sd_bus_get_name_creds(a->cryptod->bus, name, SD_BUS_CREDS_EUID, &creds);
        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, &uid);
        if (r < 0)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND, "%s is not on the bus.", name);
        if (uid != vault_account(a->vault)->uid)
                return sd_bus_error_setf(error, ERROR_ACCESS_DENIED, "%s is another user's program.", name);
        r = account_hold(a, name);
        return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

/* -- properties --------------------------------------------------------------------------------------- */

void account_object_tell(struct account *a, const char *const *properties)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        for (const char *name = sd_bus_track_first(a->watchers); name; name = sd_bus_track_next(a->watchers))
                (void) bus_emit_properties_changed_to(a->cryptod->bus, name, path, INTERFACE, properties);
}

void account_object_changed(struct account *a)
{
        static const char *const names[] = { "State", "UnlockedSince", NULL };

        account_object_tell(a, names);
}

const char *account_state(const struct account *a)
{
        return vault_is_destroyed(a->vault) ? "destroyed" : a->messenger ? "unlocked" : "locked";
}

int account_object_watch(struct account *a, sd_bus_message *m, sd_bus_error *error)
{
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r >= 0 && caller.uid != 0)
                r = account_object_check_owner(a, m, &caller, error);
        if (r < 0)
                return r;
        if (a->watchers || sd_bus_track_new(a->cryptod->bus, &a->watchers, on_watchers_gone, a) >= 0) {
                if (sd_bus_track_count(a->watchers) < WATCHERS_MAX)
                        (void) sd_bus_track_add_name(a->watchers, caller.name);
        }
        return 0;
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
        if (strcmp(property, "Id") == 0)
                return sd_bus_message_append(reply, "s", record->id);
        if (strcmp(property, "Address") == 0)
                return sd_bus_message_append(reply, "s", record->address);
        if (strcmp(property, "State") == 0)
                return sd_bus_message_append(reply, "s", account_state(a));
        if (strcmp(property, "UnlockedSince") == 0)
                return sd_bus_message_append(reply, "t", a->unlocked_since);
        return sd_bus_message_append(reply, "s", record->suite);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Unlock", SD_BUS_ARGS("ay", ticket, "h", factor), SD_BUS_NO_RESULT, on_unlock,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Lock", "", "", on_lock, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Grant", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, on_grant,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Id", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Address", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("UnlockedSince", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Suite", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

int account_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->object, path, INTERFACE, vtable, a);
}
