/* More of im.visavis.Crypto1.Account: its conversations, and what is said in them. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cryptod/claims.h"
#include "cryptod/conversation/description.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Account"

enum {
        MESSAGES_MAX = 500,
        MESSAGES_BYTES_MAX = 16 * 1024 * 1024, /* of one answer, well below the bus's limit for a message */
};

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

void conversations_object_message_added(struct account *a, const struct conversation *c, uint64_t message)
{
        tell_holders(a, "MessageAdded", c, message, NULL);
}

void conversations_object_message_changed(struct account *a, const struct conversation *c, uint64_t message,
                                          enum message_state state)
{
        tell_holders(a, "MessageChanged", c, message, message_state_name(state));
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
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
        SD_BUS_VTABLE_END,
};

int conversations_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->conversations_object, path, INTERFACE, vtable, a);
}
