/* One conversation in the list. */
#include "ui/desktop/conversation_row.h"

#include <string.h>

#include "ui/desktop/parts.h"
#include "ui/desktop/when.h"

struct conversation_row {
        GtkListBoxRow *row;
        char *id;
        char *address;
        char *name;
        uint64_t time;
        uint32_t count; /* of unread messages */
        enum trust trust;
        GtkImage *mark;
        GtkLabel *when;
        GtkLabel *words;
        GtkLabel *unread;
};

static void release(gpointer userdata)
{
        struct conversation_row *r = userdata;

        g_free(r->id);
        g_free(r->address);
        g_free(r->name);
        g_free(r);
}

GtkListBoxRow *conversation_row_new(const char *id, const char *address)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "conversation-row.ui");
        struct conversation_row *r = g_new0(struct conversation_row, 1);

        r->row = GTK_LIST_BOX_ROW(g_object_ref_sink(part(builder, "row")));
        r->id = g_strdup(id);
        r->address = g_strdup(address);
        r->name = g_strndup(address, strcspn(address, "@"));
        r->mark = GTK_IMAGE(part(builder, "mark"));
        r->when = GTK_LABEL(part(builder, "when"));
        r->words = GTK_LABEL(part(builder, "words"));
        r->unread = GTK_LABEL(part(builder, "unread"));
        gtk_label_set_text(GTK_LABEL(part(builder, "name")), r->name);
        adw_avatar_set_text(ADW_AVATAR(part(builder, "avatar")), r->name);
        g_object_set_data_full(G_OBJECT(r->row), "conversation-row", r, release);
        g_object_force_floating(G_OBJECT(r->row));
        return r->row;
}

struct conversation_row *conversation_row_of(GtkListBoxRow *row)
{
        return g_object_get_data(G_OBJECT(row), "conversation-row");
}

/* The first line; what follows would not be seen anyway. */
static char *first_line(const char *text)
{
        enum { SHOWN_MAX = 200 }; /* characters */
        g_autofree char *line = g_strndup(text, strcspn(text, "\r\n\v\f"));

        return g_utf8_strlen(line, -1) > SHOWN_MAX ? g_utf8_substring(line, 0, SHOWN_MAX) : g_steal_pointer(&line);
}

static char *unread_words(uint32_t count)
{
        return count > 99 ? g_strdup("99+") : g_strdup_printf("%u", count);
}

/* What a screen reader says of the row. */
static void name_row(struct conversation_row *r)
{
        g_autofree char *unread = unread_words(r->count);
        g_autofree char *trusted =
                *trust_words(r->trust) ? g_strdup_printf("%s, %s", r->name, trust_words(r->trust)) : g_strdup(r->name);
        g_autofree char *name = r->count ? g_strdup_printf("%s, %s unread", trusted, unread) : g_strdup(trusted);

        part_name(r->row, name);
}

void conversation_row_set_trust(struct conversation_row *r, enum trust trust)
{
        r->trust = trust;
        trust_mark_set(r->mark, trust);
        name_row(r);
}

void conversation_row_set(struct conversation_row *r, const struct conversation *c)
{
        g_autoptr(GDateTime) now = g_date_time_new_now_local();
        g_autofree char *when = when_short(c->time, now), *words = first_line(c->text);
        g_autofree char *unread = unread_words(c->unread);

        r->time = c->time;
        r->count = c->unread;
        gtk_label_set_text(r->when, when);
        gtk_label_set_text(r->words, c->time ? words : "No messages yet");
        gtk_label_set_text(r->unread, unread);
        gtk_widget_set_visible(GTK_WIDGET(r->unread), c->unread > 0);
        if (c->unread)
                gtk_widget_add_css_class(GTK_WIDGET(r->row), "unread");
        else
                gtk_widget_remove_css_class(GTK_WIDGET(r->row), "unread");
        name_row(r);
}

const char *conversation_row_id(const struct conversation_row *r)
{
        return r->id;
}

const char *conversation_row_address(const struct conversation_row *r)
{
        return r->address;
}

uint64_t conversation_row_time(const struct conversation_row *r)
{
        return r->time;
}
