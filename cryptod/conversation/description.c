/* See description.h. */
#include "cryptod/conversation/description.h"

#include <stdio.h>

static void say(struct writer *out, const char *text)
{
        write_fixed(out, BYTES_STRING(text));
}

static void describe_lifetime(uint32_t seconds, struct writer *out)
{
        static const struct {
                uint32_t seconds;
                const char *name;
        } units[] = { { 7 * 24 * 3600, "week" }, { 24 * 3600, "day" }, { 3600, "hour" }, { 60, "minute" } };
        const char *unit = "second";
        char text[96];

        for (size_t i = 0; seconds > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
                if (seconds % units[i].seconds == 0) {
                        seconds /= units[i].seconds;
                        unit = units[i].name;
                        break;
                }
        }
        if (seconds == 0)
                (void) snprintf(text, sizeof(text), "Messages stay from now on.");
        else
                (void) snprintf(text, sizeof(text), "Messages disappear after %u %s%s from now on.", seconds, unit,
                                seconds == 1 ? "" : "s");
        say(out, text);
}

void describe_content(const struct content *c, struct writer *out)
{
        if (c->kind == CONTENT_LIFETIME)
                describe_lifetime(c->seconds, out);
        else if (c->text.size > 0)
                write_fixed(out, c->text);
        else if (c->kind == CONTENT_FILE && c->file.voice)
                say(out, "Voice message");
        else if (c->kind == CONTENT_FILE)
                write_fixed(out, c->file.name);
        else if (c->fallback.size > 0)
                write_fixed(out, c->fallback);
        else
                say(out, "A message of a kind that this version of Visavis does not know.");
}

void describe_message(const struct message *m, struct writer *out)
{
        if (m->deleted)
                say(out, "This message was deleted.");
        else
                describe_content(&m->content, out);
}

const char *message_kind_name(const struct message *m)
{
        if (m->sender == SENDER_NOTICE)
                return "notice";
        if (m->deleted)
                return "deleted";
        switch (m->content.kind) {
        case CONTENT_TEXT:
                return "text";
        case CONTENT_FILE:
                return "file";
        case CONTENT_LIFETIME:
                return "lifetime";
        default:
                return "unknown";
        }
}
