/* An account that this connection holds unlocked. */
#include "ui/client/account.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "services/address.h"
#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/properties.h"

struct account {
        sd_bus *bus;
        char *path;
        const struct account_events *events;
        void *userdata;
        struct calls calls;
        sd_bus_slot *slots[5];
        char *owner;  /* cryptod's unique name; NULL until it has answered once */
        bool reading; /* a GetAll is under way */
        bool stale;   /* a change was announced since it was sent */
        bool locked;
        char id[33];
        char address[ADDRESS_TEXT_MAX];
};

static void now_locked(struct account *a)
{
        if (a->locked)
                return;
        a->locked = true;
        calls_cancel(&a->calls);
        a->events->locked(a, a->userdata);
}

static int read_again(struct account *a);

/* Its unique name once it is known: a call to that one fails when cryptod has ended, and does not start it again. */
static const char *destination(const struct account *a)
{
        return a->owner ? a->owner : CRYPTO_SERVICE;
}

static int parse_properties(struct account *a, sd_bus_message *reply, bool *unlocked)
{
        char state[16] = "";
        const struct property properties[] = {
                { "Id", PROPERTY_STRING, a->id, sizeof(a->id) },
                { "Address", PROPERTY_STRING, a->address, sizeof(a->address) },
                { "State", PROPERTY_STRING, state, sizeof(state) },
                { NULL, 0, NULL, 0 },
        };
        int r = properties_read(reply, properties);

        *unlocked = strcmp(state, "unlocked") == 0;
        return r;
}

static int copy_sender(sd_bus_message *m, char **out)
{
        const char *sender = sd_bus_message_get_sender(m);

        if (!sender)
                return -EBADMSG;
        *out = strdup(sender);
        return *out ? 0 : -ENOMEM;
}

static void on_properties(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct account *a = userdata;
        bool first = !a->owner, unlocked = false;
        int r = error ? -EIO : parse_properties(a, reply, &unlocked);

        a->reading = false;
        if (r >= 0 && first)
                r = copy_sender(reply, &a->owner);
        if (r >= 0 && unlocked && a->stale)
                r = read_again(a);
        if (r < 0 || !unlocked)
                now_locked(a);
        else if (first && a->events->ready)
                a->events->ready(a, a->userdata);
}

static int read_again(struct account *a)
{
        a->stale = a->reading;
        if (a->reading || a->locked)
                return 0;
        int r = calls_get_all(&a->calls, a->bus, destination(a), a->path, CRYPTO_ACCOUNT, on_properties, a);
        a->reading = r >= 0;
        return r;
}

static bool is_ours(const struct account *a, sd_bus_message *m)
{
        const char *sender = sd_bus_message_get_sender(m);

        return a->owner && sender && strcmp(sender, a->owner) == 0;
}

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct account *a = userdata;

        if (read_again(a) < 0)
                now_locked(a);
        return 0;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct account *a = userdata;
        const char *conversation, *state;
        uint64_t id;

        if (a->locked || !is_ours(a, m))
                return 0;
        if (sd_bus_message_is_signal(m, CRYPTO_ACCOUNT, "MessageAdded") > 0) {
                if (a->events->message_added && sd_bus_message_read(m, "st", &conversation, &id) > 0)
                        a->events->message_added(a, conversation, id, a->userdata);
        } else if (sd_bus_message_is_signal(m, CRYPTO_ACCOUNT, "MessageChanged") > 0) {
                if (a->events->message_changed && sd_bus_message_read(m, "sts", &conversation, &id, &state) > 0)
                        a->events->message_changed(a, conversation, id, state, a->userdata);
        }
        return 0;
}

static void on_typing(struct account *a, sd_bus_message *m)
{
        const char *conversation, *who;
        int typing;

        if (a->events->typing && sd_bus_message_read(m, "ssb", &conversation, &who, &typing) > 0)
                a->events->typing(a, conversation, who, typing, a->userdata);
}

static int on_said(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct account *a = userdata;
        bool edited = sd_bus_message_is_signal(m, CRYPTO_MESSAGES, "Edited") > 0;
        const char *conversation;
        uint64_t id;

        if (a->locked || !is_ours(a, m))
                return 0;
        if (edited || sd_bus_message_is_signal(m, CRYPTO_MESSAGES, "Erased") > 0) {
                __typeof__(a->events->message_edited) tell =
                        edited ? a->events->message_edited : a->events->message_erased;

                if (tell && sd_bus_message_read(m, "st", &conversation, &id) > 0)
                        tell(a, conversation, id, a->userdata);
        } else if (sd_bus_message_is_signal(m, CRYPTO_MESSAGES, "Typing") > 0) {
                on_typing(a, m);
        } else if (sd_bus_message_is_signal(m, CRYPTO_MESSAGES, "ConversationChanged") > 0) {
                if (a->events->conversation_changed && sd_bus_message_read(m, "s", &conversation) > 0)
                        a->events->conversation_changed(a, conversation, a->userdata);
        }
        return 0;
}

static int on_gone(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        if (client_from_bus(m))
                now_locked(userdata);
        return 0;
}

static int on_lost(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        now_locked(userdata);
        return 0;
}

static int watch(struct account *a)
{
        int r = sd_bus_match_signal_async(a->bus, &a->slots[0], CRYPTO_SERVICE, a->path,
                                          "org.freedesktop.DBus.Properties", "PropertiesChanged", on_properties_changed,
                                          NULL, a);
        if (r >= 0)
                r = sd_bus_match_signal_async(a->bus, &a->slots[1], CRYPTO_SERVICE, a->path, CRYPTO_ACCOUNT, NULL,
                                              on_message, NULL, a);
        if (r >= 0)
                r = sd_bus_match_signal_async(a->bus, &a->slots[4], CRYPTO_SERVICE, a->path, CRYPTO_MESSAGES, NULL,
                                              on_said, NULL, a);
        if (r >= 0)
                r = client_watch_service(a->bus, CRYPTO_SERVICE, on_gone, a, &a->slots[2]);
        return r < 0 ? r : client_watch_connection(a->bus, on_lost, a, &a->slots[3]);
}

int account_open(sd_bus *bus, const char *path, const struct account_events *events, void *userdata,
                 struct account **out)
{
        struct account *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        *a = (struct account){ .bus = sd_bus_ref(bus), .events = events, .userdata = userdata, .path = strdup(path) };
        int r = a->path ? watch(a) : -ENOMEM;
        if (r >= 0)
                r = read_again(a);
        if (r < 0) {
                account_free(a);
                return r;
        }
        *out = a;
        return 0;
}

struct account *account_free(struct account *a)
{
        if (!a)
                return NULL;
        calls_cancel(&a->calls);
        for (unsigned i = 0; i < COUNT_OF(a->slots); i++)
                sd_bus_slot_unref(a->slots[i]);
        sd_bus_unref(a->bus);
        free(a->path);
        free(a->owner);
        free(a);
        return NULL;
}

const char *account_address(const struct account *a)
{
        return a->address;
}

const char *account_id(const struct account *a)
{
        return a->id;
}

sd_bus *account_bus(const struct account *a)
{
        return a->bus;
}

const char *account_path(const struct account *a)
{
        return a->path;
}

const char *account_owner(const struct account *a)
{
        return a->owner;
}

/* Answers. */

static void decode_conversations(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        _cleanup_free_ struct conversation *list = NULL;
        struct conversation c;
        size_t n = 0;
        int r = error ? 0 : sd_bus_message_enter_container(reply, 'a', "(ssuts)");

        while (!error && r >= 0 &&
               (r = sd_bus_message_read(reply, "(ssuts)", &c.id, &c.address, &c.unread, &c.time, &c.text)) > 0) {
                struct conversation *grown = reallocarray(list, n + 1, sizeof(*list));

                if (!grown) {
                        r = -ENOMEM;
                        break;
                }
                list = grown;
                list[n++] = c;
        }
        ((account_conversations_done) done)(list, r < 0 ? 0 : n, r < 0 ? &calls_malformed : error, userdata);
}

static void decode_messages(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        _cleanup_free_ struct message *list = NULL;
        struct message m;
        size_t n = 0;
        int r = error ? 0 : sd_bus_message_enter_container(reply, 'a', "(tssts)");

        while (!error && r >= 0 &&
               (r = sd_bus_message_read(reply, "(tssts)", &m.id, &m.sender, &m.text, &m.time, &m.state)) > 0) {
                struct message *grown = reallocarray(list, n + 1, sizeof(*list));

                if (!grown) {
                        r = -ENOMEM;
                        break;
                }
                list = grown;
                list[n++] = m;
        }
        ((account_messages_done) done)(list, r < 0 ? 0 : n, r < 0 ? &calls_malformed : error, userdata);
}

static void decode_id(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        const char *value = NULL;
        bool bad = !error && (sd_bus_message_read(reply, "s", &value) <= 0 || strlen(value) != 32);

        ((account_id_done) done)(bad ? NULL : value, bad ? &calls_malformed : error, userdata);
}

static void decode_number(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        uint64_t value = 0;
        bool bad = !error && sd_bus_message_read(reply, "t", &value) <= 0;

        ((account_number_done) done)(value, bad ? &calls_malformed : error, userdata);
}

static void decode_nothing(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        ((account_done) done)(error, userdata);
}

/* Calls. */

int account_new_call(const struct account *a, const char *interface, const char *member, sd_bus_message **out)
{
        return sd_bus_message_new_method_call(a->bus, out, destination(a), a->path, interface, member);
}

static int new_call(struct account *a, const char *member, sd_bus_message **m)
{
        return account_new_call(a, CRYPTO_ACCOUNT, member, m);
}

int account_conversations(struct account *a, struct calls *c, account_conversations_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = new_call(a, "ListConversations", &m);

        return r < 0 ? r : calls_send_decoded(c, m, decode_conversations, (call_receiver) done, userdata);
}

int account_messages(struct account *a, struct calls *c, const char *conversation, uint64_t after, uint32_t limit,
                     bool from_end, account_messages_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = new_call(a, "ReadMessages", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "stub", conversation, after, limit, (int) from_end);
        return r < 0 ? r : calls_send_decoded(c, m, decode_messages, (call_receiver) done, userdata);
}

int account_open_conversation(struct account *a, struct calls *c, const char *address, account_id_done done,
                              void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = new_call(a, "OpenConversation", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", address);
        return r < 0 ? r : calls_send_decoded(c, m, decode_id, (call_receiver) done, userdata);
}

int account_send(struct account *a, struct calls *c, const char *conversation, const char *text,
                 account_number_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = new_call(a, "Send", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "ss", conversation, text);
        return r < 0 ? r : calls_send_decoded(c, m, decode_number, (call_receiver) done, userdata);
}

static int new_call_with(const struct account *a, const char *interface, const char *member, const char *types,
                         va_list arguments, sd_bus_message **m)
{
        int r = account_new_call(a, interface, member, m);

        return r < 0 ? r : sd_bus_message_appendv(*m, types, arguments);
}

int account_call(struct account *a, struct calls *c, const char *interface, const char *member, account_done done,
                 void *userdata, const char *types, ...)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        va_list arguments;

        va_start(arguments, types);
        int r = new_call_with(a, interface, member, types, arguments, &m);
        va_end(arguments);
        return r < 0 ? r : calls_send_decoded(c, m, decode_nothing, (call_receiver) done, userdata);
}

int account_send_call(struct calls *c, sd_bus_message *m, account_done done, void *userdata)
{
        return calls_send_decoded(c, m, decode_nothing, (call_receiver) done, userdata);
}

int account_ask_number(struct account *a, struct calls *c, const char *interface, const char *member,
                       account_number_done done, void *userdata, const char *types, ...)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        va_list arguments;

        va_start(arguments, types);
        int r = new_call_with(a, interface, member, types, arguments, &m);
        va_end(arguments);
        return r < 0 ? r : calls_send_decoded(c, m, decode_number, (call_receiver) done, userdata);
}

int account_tell(struct account *a, const char *interface, const char *member, const char *types, ...)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        va_list arguments;

        va_start(arguments, types);
        int r = new_call_with(a, interface, member, types, arguments, &m);
        va_end(arguments);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, false);
        return r < 0 ? r : sd_bus_send(a->bus, m, NULL);
}

int account_update(struct account *a, struct calls *c, const char *conversation, account_done done, void *userdata)
{
        return account_call(a, c, CRYPTO_ACCOUNT, "Update", done, userdata, "s", conversation);
}

int account_lock(struct account *a, struct calls *c, account_done done, void *userdata)
{
        return account_call(a, c, CRYPTO_ACCOUNT, "Lock", done, userdata, "");
}

void account_mark_read(struct account *a, const char *conversation, uint64_t message)
{
        (void) account_tell(a, CRYPTO_ACCOUNT, "MarkRead", "st", conversation, message);
}
