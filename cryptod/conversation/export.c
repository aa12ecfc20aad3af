/* See export.h. What json-c makes is freed to the wiping heap, as all plaintext in this daemon is. */
#include "cryptod/conversation/export.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/conversation/description.h"
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

static struct bytes sender_of(const struct conversation *c, const char *own, const struct message *m)
{
        switch (m->sender) {
        case SENDER_SELF:
                return BYTES_STRING(own);
        case SENDER_OTHER:
                return BYTES_STRING(c->address);
        case SENDER_NAMED:
                return m->from;
        default:
                return BYTES(NULL, 0);
        }
}

static const char *kind_of(const struct message *m)
{
        if (m->sender == SENDER_NOTICE)
                return "notice";
        if (m->deleted)
                return "deleted";
        return m->content.kind == CONTENT_TEXT ? "text" : m->content.kind == CONTENT_FILE ? "file" : "other";
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

static void message_json(const struct conversation *c, const char *own, const struct message *m, struct writer *out)
{
        _cleanup_writer_ struct writer text = WRITER_INIT;
        json_object *o = json_object_new_object();
        char when[32];

        format_time(m->time, true, when);
        describe_message(m, &text);
        json_object_object_add(o, "id", json_object_new_uint64(m->id));
        json_object_object_add(o, "time", json_object_new_string(when));
        json_object_object_add(o, "sender", string_of(sender_of(c, own, m)));
        json_object_object_add(o, "kind", json_object_new_string(kind_of(m)));
        json_object_object_add(o, "text", string_of(writer_bytes(&text)));
        add_id(o, "message_id", m->content_id);
        add_id(o, "replies_to", m->content.replies_to);
        if (m->edited > 0) {
                format_time(m->edited, true, when);
                json_object_object_add(o, "edited", json_object_new_string(when));
        }
        if (has_file(m))
                add_file(o, &m->content.file);
        put_json(out, o);
}

/* "2026-01-31 12:30  bob@hub…  text", further lines of it set in, so that none can pass for another message. */
static void message_text(const struct conversation *c, const char *own, const struct message *m, struct writer *out)
{
        _cleanup_writer_ struct writer text = WRITER_INIT;
        struct bytes sender = sender_of(c, own, m);
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
        put(out, m->edited > 0 ? "  (edited)\n" : "\n");
}

void export_begin(const struct conversation *c, enum export_format format, struct writer *out)
{
        const char *title = conversation_title(c);

        if (format == EXPORT_TEXT) {
                put(out, title);
                put(out, "\n\n");
                return;
        }
        put(out, "{\"conversation\": ");
        put_json(out, json_object_new_string(title));
        put(out, ", \"messages\": [\n");
}

void export_end(enum export_format format, struct writer *out)
{
        if (format == EXPORT_JSON)
                put(out, "\n]}\n");
}

void export_message(const struct conversation *c, const char *own, const struct message *m, bool first,
                    enum export_format format, struct writer *out)
{
        if (format == EXPORT_TEXT) {
                message_text(c, own, m, out);
                return;
        }
        if (!first)
                put(out, ",\n");
        message_json(c, own, m, out);
}
