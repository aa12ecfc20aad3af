/* See message_facts.h. */
#include "ui/desktop/message_facts.h"

#include <string.h>

#include "services/address.h"

static bool is_self(const char *who, const char *self)
{
        struct address a, b;

        return address_parse(who, &a, NULL) == 0 && address_parse(self, &b, NULL) == 0 && address_equal(&a, &b);
}

static char **collect_mine(const struct said *s, const char *self)
{
        g_autoptr(GPtrArray) mine = g_ptr_array_new_with_free_func(g_free);

        for (size_t i = 0; i < s->reaction_count; i++)
                if (is_self(s->reactions[i].who, self))
                        g_ptr_array_add(mine, g_strdup(s->reactions[i].emoji));
        g_ptr_array_add(mine, NULL);
        return (char **) g_ptr_array_free(g_steal_pointer(&mine), false);
}

struct message_facts *message_facts_new(const struct said *s, const char *self)
{
        struct message_facts *m = g_new0(struct message_facts, 1);

        m->id = s->id;
        m->time = s->time;
        m->kind = g_strdup(s->kind);
        m->sender = g_strdup(s->sender);
        m->text = g_strdup(s->text);
        m->file_name = g_strdup(s->file_name);
        m->mine = collect_mine(s, self);
        m->own = s->own;
        m->pinned = s->pinned;
        m->failed = strcmp(s->state, "failed") == 0;
        return m;
}

void message_facts_free(struct message_facts *m)
{
        g_free(m->kind);
        g_free(m->sender);
        g_free(m->text);
        g_free(m->file_name);
        g_strfreev(m->mine);
        g_free(m);
}

static bool is_said(const struct message_facts *m)
{
        return strcmp(m->kind, "text") == 0 || strcmp(m->kind, "file") == 0;
}

bool message_facts_allow(const struct message_facts *m, enum message_action what)
{
        switch (what) {
        case MESSAGE_DELETE:
                return true;
        case MESSAGE_COPY:
                return *m->text;
        case MESSAGE_SAVE:
                return *m->file_name;
        case MESSAGE_EDIT:
                return is_said(m) && m->own && !m->failed;
        case MESSAGE_INFO:
                return is_said(m) && m->own;
        default:
                return is_said(m) && !m->failed;
        }
}

char *message_facts_beginning(const char *text, const char *file_name)
{
        enum { SHOWN_MAX = 120 }; /* characters */
        const char *from = *text ? text : file_name;
        g_autofree char *line = g_strndup(from, strcspn(from, "\r\n\v\f"));

        return g_utf8_strlen(line, -1) > SHOWN_MAX ? g_utf8_substring(line, 0, SHOWN_MAX) : g_steal_pointer(&line);
}
