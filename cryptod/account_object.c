/* im.visavis.Crypto1.Account at /im/visavis/Crypto1/account/ID, for the Unix user whose account it is.
 *
 * Signals go to those alone who hold an unlock, and changes of properties to those who have read one and were allowed
 * to: what somebody does with an account is nobody else's business on the machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/claims.h"
#include "cryptod/conversation/description.h"
#include "cryptod/opening.h"
#include "services/bus.h"
#include "services/caller.h"
#include "services/cleanup.h"
#include "services/storage.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Account"

enum {
        WATCHERS_MAX = 32,
        HOLDERS_MAX = 64,
        MESSAGES_MAX = 500,
        MESSAGES_BYTES_MAX = 16 * 1024 * 1024, /* of one answer, well below the bus's limit for a message */
};

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

/* -- conversations ------------------------------------------------------------------------------------------------ */

static int reply_conversation(sd_bus_message *call, const struct conversation *c)
{
        _cleanup_free_ char *id = hex_encode(conversation_id(c));

        return id ? sd_bus_reply_method_return(call, "s", id) : -ENOMEM;
}

static int start(struct account *a, sd_bus_message *call, const struct invitee *invitees, size_t count,
                 sd_bus_error *error)
{
        struct conversation *c;
        int r = messenger_start(a->messenger, invitees[0].address, invitees[0].key_package, (uint64_t) time(NULL), &c);

        return r < 0 ? claims_error(r, invitees, count, error) : reply_conversation(call, c);
}

static int on_open_conversation(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        _cleanup_writer_ struct writer addresses = WRITER_INIT;
        char canonical[ADDRESS_TEXT_MAX];
        struct conversation *c;
        struct reader reader;
        struct bytes address;
        const char *text;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = claims_read_address(a, text, &addresses, error);
        if (r < 0)
                return r;
        reader_init(&reader, writer_bytes(&addresses));
        address = read_vector(&reader);
        (void) snprintf(canonical, sizeof(canonical), "%.*s", (int) address.size, (const char *) address.data);
        c = messenger_find_address(a->messenger, canonical);
        return c ? reply_conversation(m, c) : claims_start(a, m, writer_bytes(&addresses), start, error);
}

/* What a message says as a string, where it is wiped. */
static struct secret *text_of(const struct message *m)
{
        _cleanup_writer_ struct writer words = WRITER_INIT;

        if (m->id > 0)
                describe_message(m, &words);
        write_u8(&words, 0);
        return secret_copy(writer_bytes(&words));
}

static int append_conversation(struct account *a, const struct conversation *c, sd_bus_message *reply)
{
        _cleanup_(message_release) struct message last = { 0 };
        _cleanup_free_ char *id = hex_encode(conversation_id(c));
        _cleanup_secret_ struct secret *text = NULL;
        int64_t unread = history_unread(a->vault, conversation_id(c), c->read);
        int r = history_last(a->vault, conversation_id(c), &last);

        if (unread < 0 || r < 0)
                return r < 0 ? r : (int) unread;
        if (unread == 0 && c->settings.marked_unread)
                unread = 1;
        if (!id)
                return -ENOMEM;
        text = text_of(&last);
        return sd_bus_message_append(reply, "(ssuts)", id, conversation_title(c), (uint32_t) unread, last.time,
                                     c->standing.approval == APPROVAL_REQUEST ? "" : (const char *) text->data);
}

struct listed {
        const struct conversation *conversation;
        uint64_t last;
};

static int newest_first(const void *a, const void *b)
{
        const struct listed *x = a, *y = b;

        return x->last < y->last ? 1 : x->last > y->last ? -1 : 0;
}

/* The conversations, newest first; freed by the caller. */
static int list_conversations(struct account *a, struct listed **out, size_t *count)
{
        _cleanup_free_ struct listed *list = NULL;
        size_t n = 0;

        for (const struct conversation *c = messenger_conversations(a->messenger); c; c = c->next)
                n++;
        list = calloc(n + 1, sizeof(*list));
        if (!list)
                abort();
        n = 0;
        for (const struct conversation *c = messenger_conversations(a->messenger); c; c = c->next) {
                _cleanup_(message_release) struct message last = { 0 };
                int r = history_last(a->vault, conversation_id(c), &last);

                if (r < 0)
                        return r;
                if (last.id > 0 || c->memberships) /* else a person who is known from a group alone */
                        list[n++] = (struct listed){ c, last.id };
        }
        qsort(list, n, sizeof(*list), newest_first);
        *out = TAKE(list);
        *count = n;
        return 0;
}

static int on_list_conversations(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ struct listed *list = NULL;
        struct account *a = userdata;
        size_t count;
        int r = account_object_check_holder(a, m, error);

        if (r < 0)
                return r;
        r = list_conversations(a, &list, &count);
        if (r < 0)
                return account_object_storage_error(r, error);
        r = bus_answer_list(m, "(ssuts)", &reply);
        for (size_t i = 0; r >= 0 && i < count; i++)
                r = append_conversation(a, list[i].conversation, reply);
        return r < 0 ? r : bus_send_list(reply);
}

static uint64_t now_usec(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static int on_send(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        const char *text;
        uint64_t message;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        r = messenger_send(a->messenger, c, BYTES_STRING(text), now_usec(), &message);
        if (r == -EINVAL || r == -EMSGSIZE)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "A message has 1 to %d bytes; send a longer text in parts.", CONTENT_TEXT_MAX);
        if (r == -ECONNREFUSED)
                return sd_bus_error_setf(error, ERROR_ACCESS_DENIED, "You have blocked %s; unblock them first.",
                                         c->address);
        if (r == -ENOTCONN)
                return sd_bus_error_set(
                        error, ERROR_HUB,
                        c->kind == CONVERSATION_PERSON
                                ? "The hub refused this conversation; begin it anew."
                                : "You are not in it any more; have a member add you, or join the room again.");
        return r < 0 ? account_object_storage_error(r, error) : sd_bus_reply_method_return(m, "t", message);
}

void account_own_address(const struct account *a, char out[static ADDRESS_TEXT_MAX])
{
        struct address own;

        out[0] = '\0';
        if (address_parse(vault_account(a->vault)->address, &own, NULL) >= 0)
                address_format(&own, false, out);
}

static int append_message(struct account *a, const struct conversation *c, const struct message *message,
                          sd_bus_message *reply)
{
        _cleanup_secret_ struct secret *text = text_of(message);
        char own_text[ADDRESS_TEXT_MAX];
        char from[ADDRESS_TEXT_MAX + 1] = "";
        const char *senders[] = {
                [SENDER_SELF] = own_text, [SENDER_OTHER] = c->address, [SENDER_NOTICE] = "", [SENDER_NAMED] = from
        };

        account_own_address(a, own_text);
        (void) snprintf(from, sizeof(from), "%.*s", (int) message->from.size, (const char *) message->from.data);
        return sd_bus_message_append(reply, "(tssts)", message->id, senders[message->sender], text->data, message->time,
                                     message_state_name(message->state));
}

static int append_messages(struct account *a, const struct conversation *c, uint64_t after, uint32_t limit,
                           sd_bus_message *reply)
{
        size_t bytes = 0;
        int r = 1;

        while (limit-- > 0 && bytes < MESSAGES_BYTES_MAX && r > 0) {
                _cleanup_(message_release) struct message message = { 0 };

                r = history_next(a->vault, conversation_id(c), after, &message);
                if (r <= 0)
                        return r;
                after = message.id;
                bytes += message.encoded.size;
                r = append_message(a, c, &message, reply);
                r = r < 0 ? r : 1;
        }
        return r;
}

static int on_read_messages(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct account *a = userdata;
        struct conversation *c;
        uint64_t after;
        uint32_t limit;
        int64_t tail = 0;
        int from_end, r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "tub", &after, &limit, &from_end);
        if (r < 0)
                return r;
        if (limit < 1 || limit > MESSAGES_MAX || after > INT64_MAX)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "Ask for 1 to %d messages at a time.",
                                         MESSAGES_MAX);
        if (from_end)
                tail = history_tail(a->vault, conversation_id(c), limit);
        if (tail < 0)
                return account_object_storage_error((int) tail, error);
        if ((uint64_t) tail > after)
                after = (uint64_t) tail;
        r = bus_answer_list(m, "(tssts)", &reply);
        if (r < 0)
                return r;
        r = append_messages(a, c, after, limit, reply);
        return r < 0 ? account_object_storage_error(r, error) : bus_send_list(reply);
}

static int on_mark_read(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        uint64_t message;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "t", &message);
        if (r < 0)
                return r;
        r = messenger_mark_read(a->messenger, c, message);
        if (r == -ENOENT)
                return sd_bus_error_set(error, ERROR_NOT_FOUND, "There is no such message in this conversation.");
        return r < 0 ? account_object_storage_error(r, error) : sd_bus_reply_method_return(m, "");
}

static int on_update(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r < 0)
                return r;
        r = messenger_update(a->messenger, c);
        if (r == -ENOTCONN)
                return sd_bus_error_set(error, ERROR_BUSY,
                                        "The hub has not accepted this conversation yet; its keys are new anyway.");
        return r < 0 ? account_object_storage_error(r, error) : sd_bus_reply_method_return(m, "");
}

/* -- signals and properties --------------------------------------------------------------------------------------- */

static void tell_holders(struct account *a, const char *member, const struct conversation *c, uint64_t message,
                         const char *state)
{
        _cleanup_free_ char *id = hex_encode(conversation_id(c));
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        for (const char *name = sd_bus_track_first(a->holders); name && id; name = sd_bus_track_next(a->holders)) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

                if (bus_signal_to(a->cryptod->bus, name, path, INTERFACE, member, &m) >= 0 &&
                    sd_bus_message_append(m, "st", id, message) >= 0 &&
                    (!state || sd_bus_message_append(m, "s", state) >= 0))
                        (void) sd_bus_send(a->cryptod->bus, m, NULL);
        }
}

void account_object_message_added(struct account *a, const struct conversation *c, uint64_t message)
{
        tell_holders(a, "MessageAdded", c, message, NULL);
}

void account_object_message_changed(struct account *a, const struct conversation *c, uint64_t message,
                                    enum message_state state)
{
        tell_holders(a, "MessageChanged", c, message, message_state_name(state));
}

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
        SD_BUS_METHOD_WITH_ARGS("OpenConversation", SD_BUS_ARGS("s", address), SD_BUS_RESULT("s", conversation),
                                on_open_conversation, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListConversations", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssuts)", conversations),
                                on_list_conversations, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Send", SD_BUS_ARGS("s", conversation, "s", text), SD_BUS_RESULT("t", message), on_send,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("ReadMessages", SD_BUS_ARGS("s", conversation, "t", after, "u", limit, "b", from_end),
                                SD_BUS_RESULT("a(tssts)", messages), on_read_messages, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("MarkRead", SD_BUS_ARGS("s", conversation, "t", message), SD_BUS_NO_RESULT,
                                on_mark_read, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Update", SD_BUS_ARGS("s", conversation), SD_BUS_NO_RESULT, on_update,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("MessageAdded", SD_BUS_ARGS("s", conversation, "t", message), 0),
        SD_BUS_SIGNAL_WITH_ARGS("MessageChanged", SD_BUS_ARGS("s", conversation, "t", message, "s", state), 0),
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
