/* im.visavis.Crypto1.Contacts at /im/visavis/Crypto1/account/ID: whom an account has met, and whose keys were verified.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cryptod/account.h"
#include "cryptod/conversation/messenger_contact.h"
#include "services/bus.h"
#include "services/cleanup.h"

#define INTERFACE "im.visavis.Crypto1.Contacts"

static uint64_t now_usec(void)
{
        return (uint64_t) time(NULL) * 1000000;
}

/* The first argument: an address. */
static int read_contact(struct account *a, sd_bus_message *m, sd_bus_error *error, struct conversation **out)
{
        char canonical[ADDRESS_TEXT_MAX];
        struct address address;
        const char *text, *reason = "";
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        if (address_parse(text, &address, &reason) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not an address: %s Write name@host.",
                                         text, reason);
        address_format(&address, false, canonical);
        *out = messenger_contact(a->messenger, canonical);
        return *out ? 0
                    : sd_bus_error_setf(error, ERROR_NOT_FOUND,
                                        "No key of %s is known yet; start a conversation with them first.", canonical);
}

static int describe(int r, const struct conversation *c, sd_bus_error *error)
{
        switch (-r) {
        case ENOENT:
                return sd_bus_error_setf(error, ERROR_NOT_FOUND, "No other key of %s waits to be accepted.",
                                         c->address);
        case EKEYREJECTED:
                return sd_bus_error_setf(
                        error, ERROR_KEY_MISMATCH,
                        "This is not the safety number of you and %s. Nothing was changed. If you did "
                        "compare with each other's screens, somebody stands between you: tell nothing to "
                        "this address that nobody else may know.",
                        c->address);
        case EPROTONOSUPPORT:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "The code is of another version of Visavis; compare the 60 digits.");
        case EINVAL:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "This is not the code of a safety number; scan the one that the other's "
                                        "\"visavis contact verify\" shows.");
        default:
                return account_object_storage_error(r, error);
        }
}

static int append_contacts(struct account *a, sd_bus_message *reply)
{
        int r = 0;

        for (const struct conversation *c = messenger_conversations(a->messenger); r >= 0 && c; c = c->next) {
                struct contact_view view;

                if (!messenger_is_contact(c))
                        continue;
                r = messenger_contact_view(a->messenger, c, &view);
                if (r >= 0)
                        r = sd_bus_message_append(reply, "(sbb)", c->address, (int) view.verified, (int) view.changed);
        }
        return r;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct account *a = userdata;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = bus_answer_list(m, "(sbb)", &reply);
        if (r < 0)
                return r;
        r = append_contacts(a, reply);
        return r < 0 ? describe(r, NULL, error) : bus_send_list(reply);
}

static int on_safety_number(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *code = NULL;
        char digits[SAFETY_NUMBER_DIGITS + 1];
        struct account *a = userdata;
        struct conversation *c;
        int changed, r = read_contact(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "b", &changed);
        if (r < 0)
                return r;
        r = messenger_safety_number(a->messenger, c, changed, digits, &code);
        return r < 0 ? describe(r, c, error) : sd_bus_reply_method_return(m, "ss", digits, code);
}

static int on_set_verified(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int verified, r = read_contact(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "b", &verified);
        if (r < 0)
                return r;
        r = messenger_set_verified(a->messenger, c, verified, now_usec());
        return r < 0 ? describe(r, c, error) : sd_bus_reply_method_return(m, "");
}

static int on_compare_code(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        const char *code;
        int r = read_contact(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &code);
        if (r < 0)
                return r;
        r = messenger_compare_code(a->messenger, c, code, now_usec());
        return r < 0 ? describe(r, c, error) : sd_bus_reply_method_return(m, "");
}

static int on_accept_key(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        const char *digits;
        int r = read_contact(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &digits);
        if (r < 0)
                return r;
        r = messenger_accept_key(a->messenger, c, digits, now_usec());
        return r < 0 ? describe(r, c, error) : sd_bus_reply_method_return(m, "");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sbb)", contacts), on_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SafetyNumber", SD_BUS_ARGS("s", address, "b", changed),
                                SD_BUS_RESULT("s", number, "s", code), on_safety_number, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetVerified", SD_BUS_ARGS("s", address, "b", verified), SD_BUS_NO_RESULT,
                                on_set_verified, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CompareCode", SD_BUS_ARGS("s", address, "s", code), SD_BUS_NO_RESULT, on_compare_code,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AcceptKey", SD_BUS_ARGS("s", address, "s", number), SD_BUS_NO_RESULT, on_accept_key,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int contacts_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->contacts_object, path, INTERFACE, vtable, a);
}
