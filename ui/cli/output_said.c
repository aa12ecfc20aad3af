/* See output_said.h. */
#include "ui/cli/output_said.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/output.h"

/* -- for programs ------------------------------------------------------------------------------------------------- */

static void add_text(json_object *o, const char *key, const char *text)
{
        if (*text)
                json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(json_object *o, const char *key, uint64_t number)
{
        if (number > 0)
                json_object_object_add(o, key, json_object_new_uint64(number));
}

static void add_flag(json_object *o, const char *key, bool flag)
{
        if (flag)
                json_object_object_add(o, key, json_object_new_boolean(true));
}

static void add_reactions(json_object *o, const struct said *s)
{
        json_object *list = json_object_new_array();

        for (size_t i = 0; i < s->reaction_count; i++) {
                json_object *one = json_object_new_object();

                json_object_object_add(one, "who", json_object_new_string(s->reactions[i].who));
                json_object_object_add(one, "emoji", json_object_new_string(s->reactions[i].emoji));
                json_object_array_add(list, one);
        }
        json_object_object_add(o, "reactions", list);
}

static void print_json(const struct said *s)
{
        json_object *o = json_object_new_object();

        json_object_object_add(o, "id", json_object_new_uint64(s->id));
        json_object_object_add(o, "kind", json_object_new_string(s->kind));
        json_object_object_add(o, "sender", json_object_new_string(s->sender));
        json_object_object_add(o, "text", json_object_new_string(s->text));
        json_object_object_add(o, "time_usec", json_object_new_uint64(s->time));
        json_object_object_add(o, "state", json_object_new_string(s->state));
        add_flag(o, "own", s->own);
        add_number(o, "edited_usec", s->edited);
        add_flag(o, "forwarded", s->forwarded);
        add_flag(o, "pinned", s->pinned);
        if (s->is_reply)
                json_object_object_add(o, "replies_to", json_object_new_uint64(s->replies_to));
        add_text(o, "quote", s->quote);
        add_text(o, "quote_sender", s->quote_sender);
        add_number(o, "lifetime_seconds", s->lifetime);
        add_number(o, "delivered_to", s->delivered_to);
        add_number(o, "read_by", s->read_by);
        add_text(o, "file_name", s->file_name);
        add_text(o, "media_type", s->media_type);
        if (*s->file_name)
                json_object_object_add(o, "file_size", json_object_new_uint64(s->file_size));
        add_number(o, "width", s->width);
        add_number(o, "height", s->height);
        add_number(o, "duration_msec", s->duration);
        add_flag(o, "voice", s->voice);
        if (s->reaction_count > 0)
                add_reactions(o, s);
        output_json(o);
}

/* -- for people --------------------------------------------------------------------------------------------------- */

static const char *state_mark(const char *state)
{
        static const struct {
                const char *state, *mark;
        } marks[] = { { "queued", "  …" },
                      { "stored", "  ✓" },
                      { "delivered", "  ✓✓" },
                      { "read", "  ✓✓ read" },
                      { "failed", "  ✗ not sent" } };

        for (size_t i = 0; i < COUNT_OF(marks); i++)
                if (strcmp(state, marks[i].state) == 0)
                        return marks[i].mark;
        return "";
}

/* The name in an address, or "·" for a remark of Visavis itself; freed by the caller. */
static char *name_of(const char *address)
{
        char *name = output_sanitise(address, false);

        name[strcspn(name, "@")] = '\0';
        if (!*name) {
                free(name);
                name = strdup("·");
        }
        return name;
}

/* Continues the line of a message, behind its time and sender, or begins another of its lines. */
struct lines {
        const char *when;
        bool begun;
};

static void next_line(struct lines *l)
{
        if (l->begun)
                printf("\n%*s  %-8s  ", (int) strlen(l->when), "", "|");
        l->begun = true;
}

static void print_text(struct lines *l, const char *text)
{
        _cleanup_free_ char *copy = output_sanitise(text, true);
        char *rest = copy, *line;

        while ((line = strsep(&rest, "\n"))) {
                next_line(l);
                fputs(line, stdout);
        }
}

static void print_quote(struct lines *l, const struct said *s)
{
        _cleanup_free_ char *name = name_of(s->quote_sender), *quote = output_sanitise(s->quote, false);

        if (!s->is_reply)
                return;
        next_line(l);
        if (s->replies_to > 0)
                printf("> %s: %.60s", name, quote);
        else
                fputs("> a message that is not here", stdout);
}

static void print_file(const struct said *s)
{
        _cleanup_free_ char *name = output_sanitise(s->file_name, false);

        if (s->voice)
                fputs("[voice message", stdout);
        else
                printf("[%s, %" PRIu64 " bytes", name, s->file_size);
        if (s->width > 0 && s->height > 0)
                printf(", %" PRIu64 " × %" PRIu64, s->width, s->height);
        if (s->duration > 0)
                printf(", %" PRIu64 ":%02" PRIu64, s->duration / 60000, s->duration / 1000 % 60);
        putchar(']');
}

static void print_body(struct lines *l, const struct said *s)
{
        if (*s->file_name) {
                next_line(l);
                print_file(s);
        }
        if (*s->text || !*s->file_name)
                print_text(l, s->text);
        fputs(s->edited > 0 ? " (edited)" : "", stdout);
        fputs(s->forwarded ? " (forwarded)" : "", stdout);
        fputs(s->pinned ? " (pinned)" : "", stdout);
}

static void print_reactions(struct lines *l, const struct said *s)
{
        if (s->reaction_count == 0)
                return;
        next_line(l);
        for (size_t i = 0; i < s->reaction_count; i++) {
                _cleanup_free_ char *name = name_of(s->reactions[i].who),
                                    *emoji = output_sanitise(s->reactions[i].emoji, false);

                printf("%s%s %s", i > 0 ? "  " : "", emoji, name);
        }
}

void output_said(const struct said *s, bool numbers, bool json)
{
        char when[32];
        struct lines l = { .when = when };

        if (json) {
                print_json(s);
                return;
        }
        _cleanup_free_ char *name = name_of(s->sender);
        output_time(s->time, when);
        printf("%s  %-8s  ", when, name);
        print_quote(&l, s);
        print_body(&l, s);
        fputs(state_mark(s->state), stdout);
        if (numbers)
                printf("  #%" PRIu64, s->id);
        print_reactions(&l, s);
        putchar('\n');
        fflush(stdout);
}
