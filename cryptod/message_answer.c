/* See message_answer.h. */
#include "cryptod/message_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/description.h"
#include "cryptod/conversation/retention.h"
#include "cryptod/conversation/said.h"
#include "services/cleanup.h"
#include "services/text.h"

enum { QUOTE_MAX = 256 };

/* -- parts -------------------------------------------------------------------------------------------------------- */

static struct secret *string_of(struct bytes text)
{
        struct secret *s = secret_new(text.size + 1);

        if (text.size > 0)
                memcpy(s->data, text.data, text.size);
        return s;
}

static int append_text(sd_bus_message *m, const char *key, struct bytes text)
{
        _cleanup_secret_ struct secret *s = string_of(text);

        return sd_bus_message_append(m, "{sv}", key, "s", (const char *) s->data);
}

/* Unless it is 0. */
static int append_number(sd_bus_message *m, const char *key, uint64_t value)
{
        return value == 0 ? 0 : sd_bus_message_append(m, "{sv}", key, "t", value);
}

static int append_flag(sd_bus_message *m, const char *key, bool value)
{
        return value ? sd_bus_message_append(m, "{sv}", key, "b", 1) : 0;
}

/* Opens {sv} with a variant of an array of @type, and closes it. */
static int open_list(sd_bus_message *m, const char *key, const char *type)
{
        char array[32];
        int r;

        (void) snprintf(array, sizeof(array), "a%s", type);
        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 || (r = sd_bus_message_append(m, "s", key)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', array)) < 0)
                return r;
        return sd_bus_message_open_container(m, 'a', type);
}

static int close_list(sd_bus_message *m)
{
        int r;

        if ((r = sd_bus_message_close_container(m)) < 0 || (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

void answer_sender(struct account *a, const struct conversation *c, enum message_sender sender, struct bytes from,
                   char out[static ADDRESS_TEXT_MAX + 1])
{
        out[0] = '\0';
        if (sender == SENDER_SELF)
                account_own_address(a, out);
        else if (sender == SENDER_OTHER)
                (void) snprintf(out, ADDRESS_TEXT_MAX + 1, "%s", c->address);
        else if (sender == SENDER_NAMED)
                (void) snprintf(out, ADDRESS_TEXT_MAX + 1, "%.*s", (int) from.size, (const char *) from.data);
}

/* -- what others say of a message --------------------------------------------------------------------------------- */

static int append_reaction(struct account *a, const struct conversation *c, const struct annotation *reaction,
                           sd_bus_message *m)
{
        char who[ADDRESS_TEXT_MAX + 1];
        struct reader list;
        int r;

        answer_sender(a, c, reaction->sender, reaction->from, who);
        if ((r = sd_bus_message_open_container(m, 'r', "sas")) < 0 || (r = sd_bus_message_append(m, "s", who)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "s")) < 0)
                return r;
        reader_init(&list, reaction->content.list);
        while (r >= 0 && reader_more(&list)) {
                _cleanup_secret_ struct secret *emoji = string_of(read_vector(&list));

                r = sd_bus_message_append(m, "s", (const char *) emoji->data);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_annotations(struct account *a, const struct conversation *c, const struct message *message,
                              sd_bus_message *m)
{
        _cleanup_(said_release) struct said s = { 0 };
        int r = said_of(a->vault, message, &s);

        if (r >= 0)
                r = append_number(m, "DeliveredTo", s.delivered);
        if (r >= 0)
                r = append_number(m, "ReadBy", s.read);
        if (r >= 0)
                r = append_flag(m, "Pinned", s.pinned);
        if (r < 0 || s.reaction_count == 0)
                return r;
        r = open_list(m, "Reactions", "(sas)");
        for (size_t i = 0; r >= 0 && i < s.reaction_count; i++)
                r = append_reaction(a, c, &s.reactions[i], m);
        return r < 0 ? r : close_list(m);
}

/* -- what a message says ------------------------------------------------------------------------------------------ */

static int append_mentions(const struct message *message, sd_bus_message *m)
{
        struct reader mentions;
        int r = message->content.mentions.size > 0 ? open_list(m, "Mentions", "(uus)") : 0;

        reader_init(&mentions, message->content.mentions);
        while (r >= 0 && reader_more(&mentions)) {
                struct mention mention = read_mention(&mentions);
                _cleanup_secret_ struct secret *address = string_of(mention.address);

                r = sd_bus_message_append(m, "(uus)", mention.offset, mention.length, (const char *) address->data);
        }
        return r < 0 || message->content.mentions.size == 0 ? r : close_list(m);
}

static int append_bytes(sd_bus_message *m, const char *name, struct bytes bytes)
{
        int r = sd_bus_message_open_container(m, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', bytes.data, bytes.size);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_file(const struct content *c, sd_bus_message *m)
{
        char name[FILE_NAME_MAX + 1];
        int r;

        if (c->kind != CONTENT_FILE)
                return 0;
        file_part_safe_name(c->file.name, name);
        r = append_text(m, "FileName", BYTES_STRING(name));
        if (r >= 0 && c->file.media_type.size > 0)
                r = append_text(m, "MediaType", c->file.media_type);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "FileSize", "t", c->file.size);
        if (r >= 0)
                r = append_number(m, "Width", c->file.width);
        if (r >= 0)
                r = append_number(m, "Height", c->file.height);
        if (r >= 0)
                r = append_number(m, "Duration", c->file.duration);
        if (r >= 0 && c->file.thumbnail.size > 0)
                r = append_bytes(m, "Thumbnail", c->file.thumbnail);
        return r < 0 || !c->file.voice ? r : append_bytes(m, "Voice", c->file.levels);
}

/* The beginning of a message, up to a whole character (RFC 3629). */
static struct bytes beginning(struct bytes text)
{
        size_t size = text.size < QUOTE_MAX ? text.size : QUOTE_MAX;

        while (size < text.size && size > 0 && (text.data[size] & 0xc0) == 0x80)
                size--;
        return BYTES(text.data, size);
}

static int append_quote(struct account *a, const struct conversation *c, const struct message *quoted,
                        sd_bus_message *m)
{
        _cleanup_writer_ struct writer text = WRITER_INIT;
        char sender[ADDRESS_TEXT_MAX + 1];
        int r;

        answer_sender(a, c, quoted->sender, quoted->from, sender);
        describe_message(quoted, &text);
        r = sd_bus_message_append(m, "{sv}", "QuoteSender", "s", sender);
        return r < 0 ? r : append_text(m, "Quote", beginning(writer_bytes(&text)));
}

/* The message that it replies to may have gone, or not have come. */
static int append_reply(struct account *a, const struct conversation *c, const struct message *message,
                        sd_bus_message *m)
{
        _cleanup_(message_release) struct message target = { 0 };
        int r = 0;

        if (message->content.replies_to.size == 0)
                return 0;
        r = history_find(a->vault, conversation_id(c), message->content.replies_to, &target);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "RepliesTo", "t", target.id);
        return r < 0 || target.id == 0 ? r : append_quote(a, c, &target, m);
}

static int append_identity(struct account *a, const struct conversation *c, const struct message *message,
                           sd_bus_message *m)
{
        char sender[ADDRESS_TEXT_MAX + 1];
        int r;

        answer_sender(a, c, message->sender, message->from, sender);
        if ((r = sd_bus_message_append(m, "{sv}", "Id", "t", message->id)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}", "Kind", "s", message_kind_name(message))) < 0 ||
            (r = sd_bus_message_append(m, "{sv}", "Time", "t", message->time)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}", "State", "s", message_state_name(message->state))) < 0)
                return r;
        if (message->content_id.size > 0) {
                _cleanup_free_ char *id = hex_encode(message->content_id);

                r = id ? sd_bus_message_append(m, "{sv}", "ContentId", "s", id) : -ENOMEM;
        }
        if (r >= 0)
                r = append_flag(m, "Own", message->sender == SENDER_SELF);
        return r < 0 ? r : sd_bus_message_append(m, "{sv}", "Sender", "s", sender);
}

static int append_content(struct account *a, const struct conversation *c, const struct message *message,
                          sd_bus_message *m)
{
        _cleanup_writer_ struct writer text = WRITER_INIT;
        int r;

        if (message->content.kind == CONTENT_FILE)
                write_fixed(&text, message->content.text);
        else
                describe_message(message, &text);
        r = append_text(m, "Text", writer_bytes(&text));
        if (r >= 0)
                r = append_number(m, "Edited", message->edited);
        if (r >= 0)
                r = append_flag(m, "Forwarded", message->content.forwarded);
        if (r >= 0)
                r = append_number(m, "Lifetime", message->content.lifetime);
        if (r >= 0)
                r = append_mentions(message, m);
        if (r >= 0)
                r = append_file(&message->content, m);
        return r < 0 ? r : append_reply(a, c, message, m);
}

int answer_message(struct account *a, const struct conversation *c, const struct message *message,
                   sd_bus_message *reply)
{
        int r = sd_bus_message_open_container(reply, 'a', "{sv}");

        if (r >= 0)
                r = append_identity(a, c, message, reply);
        if (r >= 0)
                r = append_content(a, c, message, reply);
        if (r >= 0 && message->content_id.size > 0)
                r = append_annotations(a, c, message, reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* -- a conversation ----------------------------------------------------------------------------------------------- */

static int append_draft(struct account *a, const struct conversation *c, sd_bus_message *m)
{
        _cleanup_(message_release) struct message target = { 0 };
        _cleanup_secret_ struct secret *plain = NULL;
        struct bytes text, replies_to;
        int r = draft_load(a->vault, conversation_id(c), &plain, &text, &replies_to);

        if (r <= 0)
                return r;
        r = append_text(m, "Draft", text);
        if (r >= 0 && replies_to.size > 0)
                r = history_find(a->vault, conversation_id(c), replies_to, &target);
        return r < 0 ? r : append_number(m, "DraftRepliesTo", target.id);
}

static int append_standing(const struct standing *s, sd_bus_message *reply)
{
        int r = sd_bus_message_append(reply, "{sv}", "Standing", "s", approval_name(s->approval));

        if (r >= 0)
                r = append_flag(reply, "Blocked", s->blocked);
        if (r >= 0)
                r = append_flag(reply, "Archived", s->archived);
        if (r >= 0)
                r = append_number(reply, "MutedUntil", s->muted_until);
        if (r >= 0 && *s->nickname)
                r = append_text(reply, "Nickname", BYTES_STRING(s->nickname));
        return r;
}

int answer_conversation(struct account *a, const struct conversation *c, sd_bus_message *reply)
{
        static const char *const kinds[] = { "person", "group", "room" };
        int64_t unread = history_unread(a->vault, conversation_id(c), c->read);
        int r = unread < 0 ? (int) unread : sd_bus_message_open_container(reply, 'a', "{sv}");

        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "Kind", "s", kinds[c->kind]);
        if (r >= 0)
                r = append_text(reply, "Title", BYTES_STRING(conversation_title(c)));
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "Unread", "u", (uint32_t) unread);
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "Read", "t", c->read);
        if (r >= 0)
                r = append_flag(reply, "MarkedUnread", c->settings.marked_unread);
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "Receipts", "b", !c->settings.silent);
        if (r >= 0)
                r = append_number(reply, "Disappearing", c->settings.lifetime);
        if (r >= 0)
                r = append_standing(&c->standing, reply);
        if (r >= 0)
                r = append_draft(a, c, reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}
