/* im.visavis.Crypto1.Manager: accounts are made and listed. */
#include <errno.h>
#include <string.h>

#include "cryptod/creation.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/storage.h"

static int read_option(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error)
{
        struct creation_request *request = userdata;

        if (strcmp(name, "suite") == 0)
                return sd_bus_message_read(m, "v", "s", &request->suite);
        if (strcmp(name, "invitation") == 0)
                return sd_bus_message_read(m, "v", "h", &request->invitation);
        return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                 "There is no option \"%s\"; there are suite and invitation.", name);
}

static bool is_id(const char *id)
{
        return strlen(id) == ACCOUNT_ID_SIZE && strspn(id, "0123456789abcdef") == ACCOUNT_ID_SIZE;
}

static int on_create_account(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct cryptod *c = userdata;
        struct creation_request request = { .suite = c->settings.suite, .invitation = -1 };
        struct caller caller;
        const char *address, *reason = "";
        const void *ticket;
        size_t ticket_size;
        int r = caller_of(m, &caller);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &request.account);
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &ticket, &ticket_size);
        if (r >= 0)
                r = sd_bus_message_read(m, "hs", &request.factor, &address);
        if (r >= 0)
                r = bus_read_options(m, read_option, &request, error);
        if (r < 0)
                return r;
        request.ticket = BYTES(ticket, ticket_size);
        if (!is_id(request.account))
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "An account's id is the Account property of its enrolment, 32 hex digits.");
        if (address_parse(address, &request.address, &reason) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is not an address: %s Write name@host:port#key.", address, reason);
        if (suite_is_missing(request.suite))
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" needs ML-KEM, which this machine's OpenSSL does not have; install "
                                         "OpenSSL 3.5 or later (Debian 13), or leave the option out for the default.",
                                         request.suite);
        if (!suite_by_name(request.suite))
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is not a cipher suite of MLS; leave the option out for the default.",
                                         request.suite);
        return creation_start(c, m, &caller, &request, error);
}

static int on_list_accounts(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct cryptod *c = userdata;
        struct caller caller;
        char path[128];
        int r = caller_of(m, &caller);

        cryptod_retry(c);
        if (r >= 0)
                r = bus_answer_list(m, "(ossss)", &reply);
        for (struct account *a = c->accounts; r >= 0 && a; a = a->next) {
                if (vault_account(a->vault)->uid != caller.uid)
                        continue;
                (void) account_object_path(a, path, sizeof(path));
                r = sd_bus_message_append(reply, "(ossss)", path, account_id(a), vault_account(a->vault)->address,
                                          account_state(a), vault_account(a->vault)->label);
        }
        return r < 0 ? r : bus_send_list(reply);
}

static int get_unopened(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        struct cryptod *c = userdata;
        int r = sd_bus_message_open_container(reply, 'a', "(ss)");

        cryptod_retry(c);
        for (const struct unopened *u = c->unopened; r >= 0 && u; u = u->next)
                r = sd_bus_message_append(reply, "(ss)", u->id, storage_advice(u->error));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("CreateAccount",
                                SD_BUS_ARGS("s", account, "ay", ticket, "h", factor, "s", address, "a{sv}", options),
                                SD_BUS_RESULT("o", path), on_create_account, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListAccounts", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ossss)", accounts), on_list_accounts,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Unopened", "a(ss)", get_unopened, 0, 0),
        SD_BUS_VTABLE_END,
};

int manager_object_export(struct cryptod *c)
{
        return sd_bus_add_object_vtable(c->bus, NULL, CRYPTO_PATH, "im.visavis.Crypto1.Manager", vtable, c);
}
