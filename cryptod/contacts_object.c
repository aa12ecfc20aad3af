/* im.visavis.Crypto1.Contacts at /im/visavis/Crypto1/account/ID: whom an account has met, and whose keys were verified.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cryptod/account.h"
#include "cryptod/conversation/messenger_contact.h"
#include "cryptod/conversation/messenger_standing.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Contacts"

static uint64_t now_usec(void)
{
        return (uint64_t) time(NULL) * 1000000;
}

/* The first argument: the address of somebody whose key is known. */
static int read_contact(struct account *a, sd_bus_message *m, sd_bus_error *error, struct conversation **out)
{
        char canonical[ADDRESS_TEXT_MAX];
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = account_object_read_address(m, canonical, error);
        if (r < 0)
                return r;
        *out = messenger_contact(a->messenger, canonical);
        return *out ? 0
                    : sd_bus_error_setf(error, ERROR_NOT_FOUND,
                                        "No key of %s is known yet; start a conversation with them first.", canonical);
}

/* The same, of somebody of whom anything is known. */
static int read_somebody(struct account *a, sd_bus_message *m, sd_bus_error *error, struct conversation **out)
{
        char canonical[ADDRESS_TEXT_MAX];
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = account_object_read_address(m, canonical, error);
        if (r < 0)
                return r;
        *out = messenger_somebody(a->messenger, canonical);
        return *out ? 0
                    : sd_bus_error_setf(error, ERROR_NOT_FOUND, "Nothing is known of %s here; add them first.",
                                        canonical);
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
                bool contact = c->standing.approval == APPROVAL_GIVEN;
                struct contact_view view;

                if (c->kind != CONVERSATION_PERSON)
                        continue;
                r = messenger_contact_view(a->messenger, c, &view);
                if (r >= 0)
                        r = sd_bus_message_append(reply, "(ssbbbb)", c->address, c->standing.nickname, (int) contact,
                                                  (int) view.verified, (int) view.changed, (int) c->standing.blocked);
        }
        return r;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct account *a = userdata;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = bus_answer_list(m, "(ssbbbb)", &reply);
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

static int answer(sd_bus_message *m, int r, sd_bus_error *error)
{
        return r < 0 ? account_object_storage_error(r, error) : sd_bus_reply_method_return(m, "");
}

static int add(struct account *a, sd_bus_message *m, const char *address, const uint8_t *pin, bool in_person,
               sd_bus_error *error)
{
        struct conversation *c;
        int r = messenger_add_contact(a->messenger, address, pin, in_person, &c);

        if (r == -EINVAL)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT, "This is your own address.");
        if (r == -EKEYREJECTED)
                return sd_bus_error_setf(
                        error, ERROR_KEY_MISMATCH,
                        "The link says that %s has another key than the one that is known here. Nothing "
                        "was changed. Compare the safety number with them: somebody may stand between "
                        "you, or the link may be old.",
                        address);
        return r < 0 ? account_object_storage_error(r, error) : sd_bus_reply_method_return(m, "s", c->address);
}

static int on_add(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        char canonical[ADDRESS_TEXT_MAX];
        struct account *a = userdata;
        struct contact_link link;
        struct address address;
        const char *who, *reason = "";
        bool is_link;
        int in_person, r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "sb", &who, &in_person);
        if (r < 0)
                return r;
        is_link = strncmp(who, CONTACT_LINK_SCHEME, strlen(CONTACT_LINK_SCHEME)) == 0;
        r = is_link ? contact_link_read(who, &link, &reason) : address_parse(who, &address, &reason);
        if (r < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "\"%s\" is neither an address nor a link: %s",
                                         who, reason);
        address_format(is_link ? &link.address : &address, false, canonical);
        return add(a, m, canonical, is_link ? link.pin : NULL, in_person, error);
}

static int on_link(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        char text[CONTACT_LINK_MAX];
        struct account *a = userdata;
        struct contact_link link;
        int r = account_object_check_holder(a, m, error);

        if (r < 0)
                return r;
        messenger_contact_link(a->messenger, &link);
        contact_link_write(&link, text);
        return sd_bus_reply_method_return(m, "s", text);
}

static int on_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int r = read_somebody(a, m, error, &c);

        return r < 0 ? r : answer(m, messenger_remove_contact(a->messenger, c), error);
}

static int on_set_nickname(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        const char *nickname;
        int r = read_somebody(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &nickname);
        if (r < 0)
                return r;
        r = messenger_set_nickname(a->messenger, c, BYTES_STRING(nickname));
        if (r == -EINVAL)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "A nickname has at most %d bytes and no control characters.", NICKNAME_MAX);
        return answer(m, r, error);
}

static int on_set_blocked(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int blocked, r = read_somebody(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "b", &blocked);
        return r < 0 ? r : answer(m, messenger_block(a->messenger, c, blocked), error);
}

static int on_requests(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct account *a = userdata;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = bus_answer_list(m, "(sss)", &reply);
        for (const struct conversation *c = r >= 0 ? messenger_conversations(a->messenger) : NULL; r >= 0 && c;
             c = c->next) {
                _cleanup_free_ char *id = hex_encode(conversation_id(c));

                if (c->standing.approval == APPROVAL_REQUEST)
                        r = id ? sd_bus_message_append(reply, "(sss)", id,
                                                       c->kind == CONVERSATION_PERSON ? "person" : "group",
                                                       conversation_title(c))
                               : -ENOMEM;
        }
        return r < 0 ? r : bus_send_list(reply);
}

static int decide(sd_bus_message *m, struct account *a, sd_bus_error *error,
                  int (*decision)(struct messenger *, struct conversation *))
{
        struct conversation *c;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r < 0)
                return r;
        r = decision(a->messenger, c);
        if (r == -ENOENT)
                return sd_bus_error_set(error, ERROR_NOT_FOUND,
                                        "This conversation does not wait to be accepted; Requests says which do.");
        return answer(m, r, error);
}

static int on_accept(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return decide(m, userdata, error, messenger_accept_request);
}

static int on_decline(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return decide(m, userdata, error, messenger_decline_request);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssbbbb)", contacts), on_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Add", SD_BUS_ARGS("s", who, "b", in_person), SD_BUS_RESULT("s", address), on_add,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Link", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", link), on_link, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("s", address), SD_BUS_NO_RESULT, on_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetNickname", SD_BUS_ARGS("s", address, "s", nickname), SD_BUS_NO_RESULT,
                                on_set_nickname, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetBlocked", SD_BUS_ARGS("s", address, "b", blocked), SD_BUS_NO_RESULT, on_set_blocked,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Requests", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sss)", requests), on_requests,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Accept", SD_BUS_ARGS("s", conversation), SD_BUS_NO_RESULT, on_accept,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Decline", SD_BUS_ARGS("s", conversation), SD_BUS_NO_RESULT, on_decline,
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
