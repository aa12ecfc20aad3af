/* See export.h. What json-c makes is freed to the wiping heap, as all plaintext in this daemon is. */
#include "cryptod/conversation/export.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/conversation/description.h"
#include "cryptod/conversation/said.h"
#include "services/cleanup.h"
#include "services/text.h"

static void put(struct writer *out, const char *text)
{
        write_fixed(out, BYTES_STRING(text));
}

static json_object *string_of(struct bytes text)
{
        return json_object_new_string_len((const char *) text.data, (int) text.size);
}

static void put_json(struct writer *out, json_object *o)
{
        put(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(o);
}

/* UTC, for programs; the local time, for people. */
static void format_time(uint64_t usec, bool utc, char out[static 32])
{
        time_t seconds = (time_t) (usec / 1000000);
        struct tm t;

        out[0] = '\0';
        if (utc ? gmtime_r(&seconds, &t) : localtime_r(&seconds, &t))
                (void) strftime(out, 32, utc ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d %H:%M", &t);
}

static struct bytes name_of(const struct conversation *c, const char *own, enum message_sender sender,
                            struct bytes from)
{
        switch (sender) {
        case SENDER_SELF:
                return BYTES_STRING(own);
        case SENDER_OTHER:
                return BYTES_STRING(c->address);
        case SENDER_NAMED:
                return from;
        default:
                return BYTES(NULL, 0);
        }
}

static bool has_file(const struct message *m)
{
        return !m->deleted && m->sender != SENDER_NOTICE && m->content.kind == CONTENT_FILE;
}

static void add_file(json_object *o, const struct file_part *p)
{
        json_object *file = json_object_new_object();

        json_object_object_add(file, "name", string_of(p->name));
        json_object_object_add(file, "media_type", string_of(p->media_type));
        json_object_object_add(file, "size", json_object_new_uint64(p->size));
        if (p->voice)
                json_object_object_add(file, "voice", json_object_new_boolean(true));
        json_object_object_add(o, "file", file);
}

static void add_id(json_object *o, const char *key, struct bytes id)
{
        _cleanup_free_ char *hex = id.size > 0 ? hex_encode(id) : NULL;

        if (hex)
                json_object_object_add(o, key, json_object_new_string(hex));
}

static void add_time(json_object *o, const char *key, uint64_t usec)
{
        char when[32];

        format_time(usec, true, when);
        json_object_object_add(o, key, json_object_new_string(when));
}

/* Unless it is 0. */
static void add_number(json_object *o, const char *key, uint64_t value)
{
        if (value > 0)
                json_object_object_add(o, key, json_object_new_uint64(value));
}

static void add_mentions(json_object *o, const struct message *m)
{
        json_object *list = json_object_new_array();
        struct reader r;

        reader_init(&r, m->content.mentions);
        while (reader_more(&r)) {
                struct mention mention = read_mention(&r);

                json_object_array_add(list, string_of(mention.address));
        }
        json_object_object_add(o, "mentions", list);
}

static void add_reactions(json_object *o, const struct conversation *c, const char *own, const struct said *s)
{
        json_object *list = json_object_new_array();

        for (size_t i = 0; i < s->reaction_count; i++) {
                const struct annotation *a = &s->reactions[i];
                json_object *one = json_object_new_object(), *emoji = json_object_new_array();
                struct reader r;

                reader_init(&r, a->content.list);
                while (reader_more(&r))
                        json_object_array_add(emoji, string_of(read_vector(&r)));
                json_object_object_add(one, "who", string_of(name_of(c, own, a->sender, a->from)));
                json_object_object_add(one, "emoji", emoji);
                json_object_array_add(list, one);
        }
        json_object_object_add(o, "reactions", list);
}

static int add_said(struct vault *v, json_object *o, const struct conversation *c, const char *own,
                    const struct message *m)
{
        _cleanup_(said_release) struct said said = { 0 };
        int r = said_of(v, m, &said);

        if (said.reaction_count > 0)
                add_reactions(o, c, own, &said);
        if (said.pinned)
                json_object_object_add(o, "pinned", json_object_new_boolean(true));
        add_number(o, "delivered_to", said.delivered);
        add_number(o, "read_by", said.read);
        return r;
}

static int message_json(struct vault *v, const struct conversation *c, const char *own, const struct message *m,
                        struct writer *out)
{
        _cleanup_writer_ struct writer text = WRITER_INIT;
        json_object *o = json_object_new_object();
        int r;

        describe_message(m, &text);
        json_object_object_add(o, "id", json_object_new_uint64(m->id));
        add_time(o, "time", m->time);
        json_object_object_add(o, "sender", string_of(name_of(c, own, m->sender, m->from)));
        json_object_object_add(o, "kind", json_object_new_string(message_kind_name(m)));
        json_object_object_add(o, "state", json_object_new_string(message_state_name(m->state)));
        json_object_object_add(o, "text", string_of(writer_bytes(&text)));
        add_id(o, "message_id", m->content_id);
        add_id(o, "replies_to", m->content.replies_to);
        if (m->edited > 0)
                add_time(o, "edited", m->edited);
        if (m->content.forwarded)
                json_object_object_add(o, "forwarded", json_object_new_boolean(true));
        add_number(o, "lifetime_seconds", m->content.lifetime);
        if (m->content.mentions.size > 0)
                add_mentions(o, m);
        if (has_file(m))
                add_file(o, &m->content.file);
        r = add_said(v, o, c, own, m);
        put_json(out, o);
        return r;
}

/* "2026-01-31 12:30  bob@hub…  text", further lines of it set in, so that none can pass for another message. */
static void put_reactions(const struct conversation *c, const char *own, const struct said *said, struct writer *out)
{
        for (size_t i = 0; i < said->reaction_count; i++) {
                const struct annotation *a = &said->reactions[i];
                struct reader r;

                put(out, "                    ");
                reader_init(&r, a->content.list);
                while (reader_more(&r)) {
                        write_fixed(out, read_vector(&r));
                        put(out, " ");
                }
                write_fixed(out, name_of(c, own, a->sender, a->from));
                put(out, "\n");
        }
}

static int message_text(struct vault *v, const struct conversation *c, const char *own, const struct message *m,
                        struct writer *out)
{
        _cleanup_(said_release) struct said said = { 0 };
        int r = said_of(v, m, &said);
        _cleanup_writer_ struct writer text = WRITER_INIT;
        struct bytes sender = name_of(c, own, m->sender, m->from);
        char when[32];

        format_time(m->time, false, when);
        describe_message(m, &text);
        put(out, when);
        put(out, "  ");
        write_fixed(out, sender.size > 0 ? sender : BYTES_STRING("*"));
        put(out, "  ");
        for (size_t i = 0; i < text.size; i++) {
                write_u8(out, text.data[i]);
                if (text.data[i] == '\n')
                        put(out, "                    ");
        }
        if (has_file(m) && m->content.text.size > 0) {
                put(out, "  [");
                write_fixed(out, m->content.file.name);
                put(out, "]");
        }
        if (m->content.forwarded)
                put(out, "  (forwarded)");
        if (said.pinned)
                put(out, "  (pinned)");
        put(out, m->edited > 0 ? "  (edited)\n" : "\n");
        put_reactions(c, own, &said, out);
        return r;
}

void export_begin(const struct conversation *c, enum export_format format, struct writer *out)
{
        const char *title = conversation_title(c);

        if (format == EXPORT_TEXT) {
                put(out, title);
                put(out, "\n\n");
        } else if (format == EXPORT_JSON) {
                put(out, "{\"version\": 1, \"conversation\": ");
                put_json(out, json_object_new_string(title));
                put(out, ", \"messages\": [\n");
        }
}

void export_end(enum export_format format, struct writer *out)
{
        if (format == EXPORT_JSON)
                put(out, "\n]}\n");
}

int export_message(struct vault *v, const struct conversation *c, const char *own, const struct message *m, bool first,
                   enum export_format format, struct writer *out)
{
        int r;

        if (format == EXPORT_TEXT)
                return message_text(v, c, own, m, out);
        if (format == EXPORT_JSON && !first)
                put(out, ",\n");
        r = message_json(v, c, own, m, out);
        if (format == EXPORT_LINES)
                put(out, "\n");
        return r;
}
