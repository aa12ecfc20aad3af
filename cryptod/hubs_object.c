/* im.visavis.Crypto1.Hubs at /im/visavis/Crypto1/account/ID: the hubs of an account.
 *
 *     Add ─▶ relayd AddAccount (the hub has the name) ─▶ vault ─▶ relayd PublishKeyPackages ─▶ its number
 *     Remove ─▶ relayd RemoveAccount (the hub has deleted it) ─▶ vault */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/account.h"
#include "cryptod/conversation/key_packages.h"
#include "services/bus.h"
#include "services/cleanup.h"

#define INTERFACE "im.visavis.Crypto1.Hubs"

enum { HUB_USEC = 40 * 1000 * 1000 };

/* A call that waits for relayd. */
struct change {
        struct account *account;
        sd_bus_message *call;
        struct vault_hub hub;
};

static void change_free(void *userdata)
{
        struct change *n = userdata;

        sd_bus_message_unref(n->call);
        free(n);
}

/* @m passes over to the bus, and so does a new change, which is freed after @done. */
static int ask(struct account *a, sd_bus_message *call, const struct vault_hub *hub, sd_bus_message *m,
               sd_bus_message_handler_t done)
{
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        struct change *n = calloc(1, sizeof(*n));
        int r;

        if (!n)
                abort();
        *n = (struct change){ a, sd_bus_message_ref(call), *hub };
        r = sd_bus_call_async(a->cryptod->bus, &slot, m, done, n, HUB_USEC);
        if (r >= 0)
                r = sd_bus_slot_set_destroy_callback(slot, change_free);
        if (r < 0) {
                change_free(n);
                return r;
        }
        r = sd_bus_slot_set_floating(slot, 1);
        return r < 0 ? r : 1;
}

static int read_hubs(struct account *a, struct vault_hub out[static HUBS_MAX], sd_bus_error *error)
{
        int n = vault_hubs(a->vault, out);

        return n < 0 ? account_object_storage_error(n, error) : n;
}

static void answer_error(sd_bus_message *call, int r)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        (void) account_object_storage_error(r, &error);
        (void) sd_bus_reply_method_error(call, &error);
}

static int hubs_changed(struct account *a)
{
        return a->messenger ? messenger_hubs_changed(a->messenger) : 0;
}

static int append_hub(sd_bus_message *reply, unsigned number, const char *address)
{
        return sd_bus_message_append(reply, "(us)", number, address);
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct vault_hub hubs[HUBS_MAX];
        struct account *a = userdata;
        struct caller caller;
        int n = 0, r = account_object_check_owner(a, m, &caller, error);

        if (r >= 0)
                r = n = read_hubs(a, hubs, error);
        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(us)");
        if (r >= 0)
                r = append_hub(reply, 0, vault_account(a->vault)->address);
        for (int i = 0; r >= 0 && i < n; i++)
                r = append_hub(reply, hubs[i].number, hubs[i].address);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* -- add ---------------------------------------------------------------------------------------------------------- */

struct announcement {
        sd_bus_message *call;
        unsigned number;
};

static void on_published(void *userdata)
{
        struct announcement *n = userdata;

        (void) sd_bus_reply_method_return(n->call, "u", n->number);
        sd_bus_message_unref(n->call);
        free(n);
}

static int on_added(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct change *n = userdata;
        struct announcement *announcement;
        int r;

        if (sd_bus_message_get_error(reply)) {
                (void) sd_bus_reply_method_error(n->call, sd_bus_message_get_error(reply));
                return 0;
        }
        r = vault_hub_add(n->account->vault, &n->hub);
        if (r >= 0)
                r = hubs_changed(n->account);
        if (r < 0) {
                answer_error(n->call, r);
                return 0;
        }
        announcement = calloc(1, sizeof(*announcement));
        if (!announcement)
                abort();
        *announcement = (struct announcement){ sd_bus_message_ref(n->call), n->hub.number };
        relay_publish(n->account, n->hub.number, KEY_PACKAGES_STOCK, on_published, announcement);
        return 0;
}

/* A number that none of @hubs has. */
static unsigned free_number(const struct vault_hub *hubs, int count)
{
        for (unsigned number = 1;; number++) {
                int i = 0;

                while (i < count && hubs[i].number != number)
                        i++;
                if (i == count)
                        return number;
        }
}

/* Where the account is not yet; @out has its number and address. */
static int read_new_hub(struct account *a, const char *text, struct vault_hub *out, sd_bus_error *error)
{
        struct vault_hub hubs[HUBS_MAX];
        struct address address;
        const char *reason = "";
        int n = read_hubs(a, hubs, error);

        if (n < 0)
                return n;
        if (address_parse(text, &address, &reason) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is not an address: %s Write name@host:port#key.", text, reason);
        if (n == HUBS_MAX)
                return sd_bus_error_setf(error, ERROR_EXISTS, "An account has at most %d further hubs; remove one.",
                                         HUBS_MAX);
        *out = (struct vault_hub){ .number = free_number(hubs, n) };
        address_format(&address, true, out->address);
        for (int i = -1; i < n; i++) {
                struct address other;

                if (address_parse(i < 0 ? vault_account(a->vault)->address : hubs[i].address, &other, NULL) >= 0 &&
                    strcmp(other.host, address.host) == 0 && other.port == address.port)
                        return sd_bus_error_setf(error, ERROR_EXISTS, "The account is on that hub already, as %s.",
                                                 other.name);
        }
        return 0;
}

static int read_option(sd_bus_message *m, const char *name, void *invitation, sd_bus_error *error)
{
        if (strcmp(name, "invitation") != 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "There is no option \"%s\"; there is invitation.", name);
        return sd_bus_message_read(m, "v", "h", (int *) invitation);
}

static int on_add(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        struct account *a = userdata;
        struct vault_hub hub;
        const char *text;
        int invitation = -1, r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = bus_read_options(m, read_option, &invitation, error);
        if (r >= 0)
                r = read_new_hub(a, text, &hub, error);
        if (r >= 0)
                r = relay_call_hub(a, "AddAccount", hub.number, &call);
        if (r >= 0)
                r = sd_bus_message_append(call, "us", (uint32_t) vault_account(a->vault)->uid, hub.address);
        if (r >= 0)
                r = invitation < 0 ? sd_bus_message_append(call, "a{sv}", 1, "main", "s", account_id(a))
                                   : sd_bus_message_append(call, "a{sv}", 2, "main", "s", account_id(a), "invitation",
                                                           "h", invitation);
        return r < 0 ? r : ask(a, m, &hub, call, on_added);
}

/* -- remove, order ------------------------------------------------------------------------------------------------ */

static int on_removed(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct change *n = userdata;
        int r;

        if (sd_bus_message_get_error(reply)) {
                (void) sd_bus_reply_method_error(n->call, sd_bus_message_get_error(reply));
                return 0;
        }
        r = vault_hub_remove(n->account->vault, n->hub.number);
        if (r >= 0 || r == -ENOENT)
                r = hubs_changed(n->account);
        if (r < 0)
                answer_error(n->call, r);
        else
                (void) sd_bus_reply_method_return(n->call, "");
        return 0;
}

static int find_hub(struct account *a, unsigned number, struct vault_hub *out, sd_bus_error *error)
{
        struct vault_hub hubs[HUBS_MAX];
        int n = read_hubs(a, hubs, error);

        for (int i = 0; i < n; i++) {
                if (hubs[i].number == number) {
                        *out = hubs[i];
                        return 0;
                }
        }
        return n < 0 ? n
                     : sd_bus_error_setf(error, ERROR_NOT_FOUND,
                                         "There is no further hub %u; see the list of your hubs.", number);
}

static int on_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        struct account *a = userdata;
        struct vault_hub hub;
        uint32_t number;
        int local_only, r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "ub", &number, &local_only);
        if (r >= 0)
                r = find_hub(a, number, &hub, error);
        if (r >= 0)
                r = relay_call_hub(a, "RemoveAccount", number, &call);
        if (r >= 0)
                r = sd_bus_message_append(call, "b", local_only);
        return r < 0 ? r : ask(a, m, &hub, call, on_removed);
}

static int on_order(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct vault_hub hub;
        const void *data;
        size_t size;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read_array(m, 'u', &data, &size);
        if (r < 0)
                return r;
        const uint32_t *numbers = data;
        size_t count = size / sizeof(*numbers);

        for (size_t i = 0; i < count; i++) {
                r = find_hub(a, numbers[i], &hub, error);
                if (r < 0)
                        return r;
        }
        r = vault_hubs_order(a->vault, numbers, count);
        if (r >= 0)
                r = hubs_changed(a);
        return r < 0 ? account_object_storage_error(r, error) : sd_bus_reply_method_return(m, "");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(us)", hubs), on_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Add", SD_BUS_ARGS("s", address, "a{sv}", options), SD_BUS_RESULT("u", number), on_add,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("u", number, "b", local_only), SD_BUS_NO_RESULT, on_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Order", SD_BUS_ARGS("au", numbers), SD_BUS_NO_RESULT, on_order,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int hubs_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->hubs_object, path, INTERFACE, vtable, a);
}
