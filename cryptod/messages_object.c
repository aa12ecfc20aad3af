/* im.visavis.Crypto1.Messages at /im/visavis/Crypto1/account/ID: what is said in a conversation, and what is said of
 * it. For those who hold an unlock; signals go to them alone. */
#include <errno.h>
#include <string.h>

#include "cryptod/conversation/annotation.h"
#include "cryptod/conversation/messenger_content.h"
#include "cryptod/conversation/messenger_standing.h"
#include "cryptod/message_answer.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Messages"

enum {
        PAGE_DEFAULT = 50,
        PAGE_MAX = 500,
        PAGE_BYTES_MAX = 16 * 1024 * 1024, /* of one answer, well below the bus's limit for a message */
};

static int say_error(int r, sd_bus_error *error)
{
        switch (-r) {
        case ENOENT:
                return sd_bus_error_set(error, ERROR_NOT_FOUND, "There is no such message in this conversation.");
        case EPERM:
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED,
                                        "This is somebody else's message; only its author can do that.");
        case EOPNOTSUPP:
                return sd_bus_error_set(
                        error, ERROR_INVALID_ARGUMENT,
                        "That cannot be done with this message: it is deleted, a remark, or of an older "
                        "version.");
        case E2BIG:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "At most %d messages of a conversation are pinned; take one off first.",
                                         PINS_MAX);
        case EINVAL:
        case EMSGSIZE:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "A message has 1 to %d bytes, at most %d mentions that lie in it, and %d "
                                         "different reactions of one person; and disappears within 366 days.",
                                         CONTENT_TEXT_MAX, CONTENT_MENTIONS_MAX, CONTENT_REACTIONS_MAX);
        case ECONNREFUSED:
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED,
                                        "You have blocked this person; unblock them first.");
        case ENOTCONN:
                return sd_bus_error_set(
                        error, ERROR_HUB,
                        "You are not in this conversation any more: begin it anew, have a member of the "
                        "group add you, or join the room again.");
        default:
                return account_object_storage_error(r, error);
        }
}

static int answer_done(sd_bus_message *m, int r, sd_bus_error *error)
{
        return r < 0 ? say_error(r, error) : sd_bus_reply_method_return(m, "");
}

/* -- options ------------------------------------------------------------------------------------------------------ */

struct options {
        uint64_t before, after, from, replies_to;
        uint32_t limit;
        struct writer mentions;
};

static void options_release(struct options *o)
{
        writer_release(&o->mentions);
}

static int read_mentions(sd_bus_message *m, struct writer *out)
{
        uint32_t offset, length;
        const char *address;
        int r = sd_bus_message_enter_container(m, 'v', "a(uus)");

        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(uus)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(uus)", &offset, &length, &address)) > 0)
                write_mention(out, &(struct mention){ offset, length, BYTES_STRING(address) });
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_option(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error)
{
        struct options *o = userdata;

        if (strcmp(name, "before") == 0)
                return sd_bus_message_read(m, "v", "t", &o->before);
        if (strcmp(name, "after") == 0)
                return sd_bus_message_read(m, "v", "t", &o->after);
        if (strcmp(name, "from") == 0)
                return sd_bus_message_read(m, "v", "t", &o->from);
        if (strcmp(name, "limit") == 0)
                return sd_bus_message_read(m, "v", "u", &o->limit);
        if (strcmp(name, "reply-to") == 0)
                return sd_bus_message_read(m, "v", "t", &o->replies_to);
        if (strcmp(name, "mentions") == 0)
                return read_mentions(m, &o->mentions);
        return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "There is no option \"%s\" here.", name);
}

static int read_options(sd_bus_message *m, struct options *o, sd_bus_error *error)
{
        int r = bus_read_options(m, read_option, o, error);

        if (r >= 0 && (o->before > INT64_MAX || o->after > INT64_MAX || o->from > INT64_MAX || o->limit < 1 ||
                       o->limit > PAGE_MAX))
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "Ask for 1 to %d messages at a time.",
                                         PAGE_MAX);
        return r;
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

static int answer_page(struct account *a, const struct conversation *c, const struct options *o, sd_bus_message *reply)
{
        _cleanup_(history_cursor_release) struct history_cursor cursor = { 0 };
        bool forwards = o->after > 0 || o->from > 0;
        size_t bytes = 0;
        int r = forwards ? history_after(a->vault, conversation_id(c), o->from > o->after ? o->from - 1 : o->after,
                                         &cursor)
                         : history_before(a->vault, conversation_id(c), o->before, &cursor);

        for (uint32_t i = 0; r >= 0 && i < o->limit && bytes < PAGE_BYTES_MAX; i++) {
                _cleanup_(message_release) struct message message = { 0 };

                r = history_read(&cursor, &message);
                if (r <= 0 || (forwards && o->before > 0 && message.id >= o->before))
                        break;
                bytes += message.encoded.size;
                r = answer_message(a, c, &message, reply);
        }
        return r;
}

static int on_read(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(options_release) struct options o = { .limit = PAGE_DEFAULT };
        struct account *a = userdata;
        struct conversation *c;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = read_options(m, &o, error);
        if (r >= 0)
                r = bus_answer_list(m, "a{sv}", &reply);
        if (r < 0)
                return r;
        r = answer_page(a, c, &o, reply);
        return r < 0 ? account_object_storage_error(r, error) : bus_send_list(reply);
}

static int read_message_id(struct account *a, sd_bus_message *m, sd_bus_error *error, struct conversation **c,
                           uint64_t *message)
{
        int r = account_object_read_conversation(a, m, error, c);

        if (r >= 0)
                r = sd_bus_message_read(m, "t", message);
        return r < 0 || *message <= INT64_MAX ? r : say_error(-ENOENT, error);
}

static int on_get(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(message_release) struct message message = { 0 };
        struct account *a = userdata;
        struct conversation *c;
        uint64_t id;
        int r = read_message_id(a, m, error, &c, &id);

        if (r < 0)
                return r;
        r = history_get(a->vault, conversation_id(c), id, &message);
        if (r <= 0)
                return say_error(r < 0 ? r : -ENOENT, error);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_sensitive(reply);
        if (r >= 0)
                r = answer_message(a, c, &message, reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int on_describe(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct account *a = userdata;
        struct conversation *c;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_sensitive(reply);
        if (r < 0)
                return r;
        r = answer_conversation(a, c, reply);
        return r < 0 ? account_object_storage_error(r, error) : sd_bus_send(NULL, reply, NULL);
}

static int append_pinned(struct account *a, const struct conversation *c, sd_bus_message *reply)
{
        _cleanup_(annotation_cursor_release) struct annotation_cursor cursor = { 0 };
        int r = annotation_of_kind(a->vault, conversation_id(c), ANNOTATION_PIN, &cursor);

        while (r >= 0) {
                _cleanup_(annotation_release) struct annotation pin = { 0 };
                _cleanup_(message_release) struct message message = { 0 };

                r = annotation_read(&cursor, &pin);
                if (r <= 0)
                        break;
                if (pin.content.on)
                        r = history_find(a->vault, conversation_id(c), pin.target, &message);
                if (r >= 0 && message.id > 0)
                        r = answer_message(a, c, &message, reply);
        }
        return r;
}

static int on_list_pinned(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct account *a = userdata;
        struct conversation *c;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = bus_answer_list(m, "a{sv}", &reply);
        if (r < 0)
                return r;
        r = append_pinned(a, c, reply);
        return r < 0 ? account_object_storage_error(r, error) : bus_send_list(reply);
}

static int append_receipts(struct account *a, const struct conversation *c, const struct message *message,
                           sd_bus_message *reply)
{
        _cleanup_(annotation_cursor_release) struct annotation_cursor cursor = { 0 };
        int r = annotation_of(a->vault, conversation_id(c), message->content_id, &cursor);

        while (r >= 0) {
                _cleanup_(annotation_release) struct annotation n = { 0 };
                char who[ADDRESS_TEXT_MAX + 1];

                r = annotation_read(&cursor, &n);
                if (r <= 0)
                        break;
                answer_sender(a, c, n.sender, n.from, who);
                if (n.kind == ANNOTATION_RECEIPT)
                        r = sd_bus_message_append(reply, "(stt)", who, n.time, n.read);
        }
        return r;
}

static int on_receipts(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(message_release) struct message message = { 0 };
        struct account *a = userdata;
        struct conversation *c;
        uint64_t id;
        int r = read_message_id(a, m, error, &c, &id);

        if (r >= 0)
                r = bus_answer_list(m, "(stt)", &reply);
        if (r < 0)
                return r;
        r = history_get(a->vault, conversation_id(c), id, &message);
        if (r <= 0)
                return say_error(r < 0 ? r : -ENOENT, error);
        if (message.content_id.size > 0)
                r = append_receipts(a, c, &message, reply);
        return r < 0 ? account_object_storage_error(r, error) : bus_send_list(reply);
}

/* -- saying ------------------------------------------------------------------------------------------------------- */

static int on_send(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(options_release) struct options o = { .limit = 1 };
        struct content content = { .kind = CONTENT_TEXT };
        struct account *a = userdata;
        struct conversation *c;
        uint64_t message;
        const char *text;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = read_options(m, &o, error);
        if (r < 0)
                return r;
        content.text = BYTES_STRING(text);
        content.mentions = writer_bytes(&o.mentions);
        if (c->standing.blocked)
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED, "This person is blocked; unblock them first.");
        r = o.replies_to > 0 ? messenger_reply(a->messenger, c, o.replies_to, &content, &message)
                             : messenger_say(a->messenger, c, &content, &message);
        return r < 0 ? say_error(r, error) : sd_bus_reply_method_return(m, "t", message);
}

static int on_forward(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        uint8_t id[CONVERSATION_ID_SIZE];
        struct conversation *c, *to;
        uint64_t message;
        const char *text;
        int r = read_message_id(a, m, error, &c, &message);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        to = hex_decode(text, id, sizeof(id)) < 0 ? NULL : messenger_find(a->messenger, BYTES_OF(id));
        if (!to)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND, "There is no conversation \"%s\" to forward to.",
                                         text);
        r = messenger_forward(a->messenger, c, message, to, &message);
        return r < 0 ? say_error(r, error) : sd_bus_reply_method_return(m, "t", message);
}

static int on_edit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        uint64_t message;
        const char *text;
        int r = read_message_id(a, m, error, &c, &message);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        return r < 0 ? r : answer_done(m, messenger_edit(a->messenger, c, message, BYTES_STRING(text)), error);
}

static int on_react(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_writer_ struct writer list = WRITER_INIT;
        struct account *a = userdata;
        struct conversation *c;
        uint64_t message;
        const char *emoji;
        int r = read_message_id(a, m, error, &c, &message);

        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &emoji)) > 0)
                write_vector(&list, BYTES_STRING(emoji));
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : answer_done(m, messenger_react(a->messenger, c, message, writer_bytes(&list)), error);
}

/* A call whose arguments are a conversation, a message and a flag. */
static int with_flag(sd_bus_message *m, struct account *a, sd_bus_error *error,
                     int (*action)(struct messenger *, struct conversation *, uint64_t, bool))
{
        struct conversation *c;
        uint64_t message;
        int flag, r = read_message_id(a, m, error, &c, &message);

        if (r >= 0)
                r = sd_bus_message_read(m, "b", &flag);
        return r < 0 ? r : answer_done(m, action(a->messenger, c, message, flag), error);
}

static int on_delete(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return with_flag(m, userdata, error, messenger_delete);
}

static int on_pin(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return with_flag(m, userdata, error, messenger_pin);
}

/* -- a conversation's own ----------------------------------------------------------------------------------------- */

static int on_mark_read(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        uint64_t message;
        int r = read_message_id(a, m, error, &c, &message);

        return r < 0 ? r : answer_done(m, messenger_mark_read(a->messenger, c, message), error);
}

static int on_mark_unread(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int r = account_object_read_conversation(a, m, error, &c);

        return r < 0 ? r : answer_done(m, messenger_mark_unread(a->messenger, c), error);
}

static int on_set_typing(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int typing, r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "b", &typing);
        return r < 0 ? r : answer_done(m, messenger_typing(a->messenger, c, typing), error);
}

static int on_set_receipts(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int receipts, r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "b", &receipts);
        return r < 0 ? r : answer_done(m, messenger_set_silent(a->messenger, c, !receipts), error);
}

static int on_set_muted(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        uint64_t until;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "t", &until);
        return r < 0 ? r : answer_done(m, messenger_mute(a->messenger, c, until), error);
}

static int on_set_archived(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int archived, r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "b", &archived);
        return r < 0 ? r : answer_done(m, messenger_archive(a->messenger, c, archived), error);
}

static int on_set_disappearing(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        uint32_t seconds;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "u", &seconds);
        return r < 0 ? r : answer_done(m, messenger_set_lifetime(a->messenger, c, seconds), error);
}

static int on_set_draft(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        uint64_t replies_to;
        const char *text;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "st", &text, &replies_to);
        if (r >= 0 && replies_to > INT64_MAX)
                r = say_error(-ENOENT, error);
        return r < 0 ? r : answer_done(m, messenger_set_draft(a->messenger, c, BYTES_STRING(text), replies_to), error);
}

/* -- signals ------------------------------------------------------------------------------------------------------ */

/* To each holder: the conversation, and what @types says. */
static void tell_holders(struct account *a, const char *member, const struct conversation *c, uint64_t message,
                         const char *who, bool typing)
{
        _cleanup_free_ char *id = hex_encode(conversation_id(c));
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        for (const char *name = sd_bus_track_first(a->holders); name && id; name = sd_bus_track_next(a->holders)) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

                if (bus_signal_to(a->cryptod->bus, name, path, INTERFACE, member, &m) >= 0 &&
                    sd_bus_message_append(m, "s", id) >= 0 &&
                    (message == 0 || sd_bus_message_append(m, "t", message) >= 0) &&
                    (!who || sd_bus_message_append(m, "sb", who, (int) typing) >= 0))
                        (void) sd_bus_send(a->cryptod->bus, m, NULL);
        }
}

void messages_object_edited(struct account *a, const struct conversation *c, uint64_t message)
{
        tell_holders(a, "Edited", c, message, NULL, false);
}

void messages_object_erased(struct account *a, const struct conversation *c, uint64_t message)
{
        tell_holders(a, "Erased", c, message, NULL, false);
}

void messages_object_conversation_changed(struct account *a, const struct conversation *c)
{
        tell_holders(a, "ConversationChanged", c, 0, NULL, false);
}

void messages_object_typing(struct account *a, const struct conversation *c, const char *who, bool typing)
{
        tell_holders(a, "Typing", c, 0, who, typing);
}

/* Texts are in most of them. */
#define FLAGS (SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Read", SD_BUS_ARGS("s", conversation, "a{sv}", options),
                                SD_BUS_RESULT("aa{sv}", messages), on_read, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("Get", SD_BUS_ARGS("s", conversation, "t", message), SD_BUS_RESULT("a{sv}", properties),
                                on_get, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("Describe", SD_BUS_ARGS("s", conversation), SD_BUS_RESULT("a{sv}", properties),
                                on_describe, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("ListPinned", SD_BUS_ARGS("s", conversation), SD_BUS_RESULT("aa{sv}", messages),
                                on_list_pinned, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("Receipts", SD_BUS_ARGS("s", conversation, "t", message),
                                SD_BUS_RESULT("a(stt)", receipts), on_receipts, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("Send", SD_BUS_ARGS("s", conversation, "s", text, "a{sv}", options),
                                SD_BUS_RESULT("t", message), on_send, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("Forward", SD_BUS_ARGS("s", conversation, "t", message, "s", to),
                                SD_BUS_RESULT("t", forwarded), on_forward, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("Edit", SD_BUS_ARGS("s", conversation, "t", message, "s", text), SD_BUS_NO_RESULT,
                                on_edit, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("React", SD_BUS_ARGS("s", conversation, "t", message, "as", emoji), SD_BUS_NO_RESULT,
                                on_react, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("Delete", SD_BUS_ARGS("s", conversation, "t", message, "b", for_all), SD_BUS_NO_RESULT,
                                on_delete, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("Pin", SD_BUS_ARGS("s", conversation, "t", message, "b", pinned), SD_BUS_NO_RESULT,
                                on_pin, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("MarkRead", SD_BUS_ARGS("s", conversation, "t", message), SD_BUS_NO_RESULT,
                                on_mark_read, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("MarkUnread", SD_BUS_ARGS("s", conversation), SD_BUS_NO_RESULT, on_mark_unread, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("SetTyping", SD_BUS_ARGS("s", conversation, "b", typing), SD_BUS_NO_RESULT,
                                on_set_typing, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("SetReceipts", SD_BUS_ARGS("s", conversation, "b", receipts), SD_BUS_NO_RESULT,
                                on_set_receipts, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("SetMuted", SD_BUS_ARGS("s", conversation, "t", until), SD_BUS_NO_RESULT, on_set_muted,
                                FLAGS),
        SD_BUS_METHOD_WITH_ARGS("SetArchived", SD_BUS_ARGS("s", conversation, "b", archived), SD_BUS_NO_RESULT,
                                on_set_archived, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("SetDisappearing", SD_BUS_ARGS("s", conversation, "u", seconds), SD_BUS_NO_RESULT,
                                on_set_disappearing, FLAGS),
        SD_BUS_METHOD_WITH_ARGS("SetDraft", SD_BUS_ARGS("s", conversation, "s", text, "t", replies_to),
                                SD_BUS_NO_RESULT, on_set_draft, FLAGS),
        SD_BUS_SIGNAL_WITH_ARGS("Edited", SD_BUS_ARGS("s", conversation, "t", message), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Erased", SD_BUS_ARGS("s", conversation, "t", message), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Typing", SD_BUS_ARGS("s", conversation, "s", who, "b", typing), 0),
        SD_BUS_SIGNAL_WITH_ARGS("ConversationChanged", SD_BUS_ARGS("s", conversation), 0),
        SD_BUS_VTABLE_END,
};

int messages_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->messages_object, path, INTERFACE, vtable, a);
}
