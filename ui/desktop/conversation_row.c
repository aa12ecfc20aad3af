/* One conversation in the list. */
#include "ui/desktop/conversation_row.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/description.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/trust_mark.h"
#include "ui/desktop/when.h"

struct conversation_row {
        GtkListBoxRow *row;
        const struct people *people;
        void (*changed)(void *userdata);
        void *userdata;
        struct calls calls;
        char *id;
        char *address;
        char *name;
        char *last;  /* the first line of the last message */
        char *draft; /* the first line of what was not sent; "" for nothing */
        uint64_t time;
        uint32_t count; /* of unread messages */
        bool archived, muted, request, marked_unread;
        AdwAvatar *avatar;
        GtkLabel *name_label;
        GtkImage *mark;
        GtkWidget *muted_image;
        GtkLabel *when;
        GtkLabel *words;
        GtkLabel *unread;
};

static void release(gpointer userdata)
{
        struct conversation_row *r = userdata;

        calls_cancel(&r->calls);
        g_free(r->id);
        g_free(r->address);
        g_free(r->name);
        g_free(r->last);
        g_free(r->draft);
        g_free(r);
}

GtkListBoxRow *conversation_row_new(const char *id, const char *address, const struct people *people,
                                    void (*changed)(void *userdata), void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "conversation-row.ui");
        struct conversation_row *r = g_new0(struct conversation_row, 1);

        r->row = GTK_LIST_BOX_ROW(g_object_ref_sink(part(builder, "row")));
        r->people = people;
        r->changed = changed;
        r->userdata = userdata;
        r->id = g_strdup(id);
        r->address = g_strndup(address, strchr(address, '@') ? strcspn(address, "#") : strlen(address));
        r->last = g_strdup("");
        r->draft = g_strdup("");
        r->avatar = ADW_AVATAR(part(builder, "avatar"));
        r->name_label = GTK_LABEL(part(builder, "name"));
        r->mark = GTK_IMAGE(part(builder, "mark"));
        r->muted_image = part(builder, "muted");
        r->when = GTK_LABEL(part(builder, "when"));
        r->words = GTK_LABEL(part(builder, "words"));
        r->unread = GTK_LABEL(part(builder, "unread"));
        g_object_set_data_full(G_OBJECT(r->row), "conversation-row", r, release);
        g_object_force_floating(G_OBJECT(r->row));
        conversation_row_mark(r);
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
        const char *trusted = trust_words(people_trust(r->people, r->address));
        GString *name = g_string_new(r->name);

        if (*trusted)
                g_string_append_printf(name, ", %s", trusted);
        if (r->request)
                g_string_append(name, ", request");
        if (r->count > 0)
                g_string_append_printf(name, ", %s unread", unread);
        else if (r->marked_unread)
                g_string_append(name, ", marked as unread");
        if (r->muted)
                g_string_append(name, ", muted");
        part_name(r->row, name->str);
        g_string_free(name, true);
}

static void set_class(gpointer widget, const char *class, bool on)
{
        if (on)
                gtk_widget_add_css_class(widget, class);
        else
                gtk_widget_remove_css_class(widget, class);
}

static void show(struct conversation_row *r)
{
        g_autofree char *unread = unread_words(r->count), *draft = g_strdup_printf("Draft: %s", r->draft);

        gtk_label_set_text(r->words, r->request                   ? "Wants to talk to you"
                                     : *r->draft && r->count == 0 ? draft
                                     : r->time > 0                ? r->last
                                                                  : "No messages yet");
        set_class(r->words, "draft", !r->request && *r->draft && r->count == 0);
        gtk_label_set_text(r->unread, r->count > 0 ? unread : "•");
        gtk_widget_set_visible(GTK_WIDGET(r->unread), r->count > 0 || r->marked_unread);
        gtk_widget_set_visible(r->muted_image, r->muted);
        set_class(r->row, "unread", r->count > 0 || r->marked_unread);
        set_class(r->row, "muted", r->muted);
        name_row(r);
}

void conversation_row_mark(struct conversation_row *r)
{
        g_free(r->name);
        r->name = people_name(r->people, r->address);
        gtk_label_set_text(r->name_label, r->name);
        adw_avatar_set_text(r->avatar, r->name);
        trust_mark_set(r->mark, people_trust(r->people, r->address));
        name_row(r);
}

static void replace(char **text, const char *with)
{
        g_free(*text);
        *text = first_line(with);
}

void conversation_row_set(struct conversation_row *r, const struct conversation *c)
{
        g_autoptr(GDateTime) now = g_date_time_new_now_local();
        g_autofree char *when = when_short(c->time, now);

        r->time = c->time;
        r->count = c->unread;
        replace(&r->last, c->text);
        gtk_label_set_text(r->when, when);
        show(r);
}

static void on_described(const struct description *d, const sd_bus_error *error, void *userdata)
{
        struct conversation_row *r = userdata;

        if (error)
                return; /* it has gone, or the account is locked: both are told */
        r->archived = d->archived;
        r->muted = d->muted_until > (uint64_t) (g_get_real_time() / G_USEC_PER_SEC);
        r->request = strcmp(d->standing, "request") == 0;
        r->marked_unread = d->marked_unread;
        replace(&r->draft, d->draft);
        show(r);
        r->changed(r->userdata);
}

void conversation_row_ask(struct conversation_row *r, struct account *a)
{
        calls_cancel(&r->calls);
        (void) description_ask(a, &r->calls, r->id, on_described, r);
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

const char *conversation_row_name(const struct conversation_row *r)
{
        return r->name;
}

bool conversation_row_is_archived(const struct conversation_row *r)
{
        return r->archived;
}
