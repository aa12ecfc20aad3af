/* See timeline_row.h. */
#include "ui/desktop/timeline_row.h"

#include <string.h>

#include "ui/desktop/parts.h"
#include "ui/desktop/when.h"

/* Messages of one person within five minutes stand closer together. */
static const uint64_t follow_usec = 5 * 60 * G_USEC_PER_SEC;

struct timeline_row {
        const struct message_bubble_style *style;
        GtkWidget *box, *day, *unread;
        GtkWidget *bubble; /* or NULL: a remark */
        GtkWidget *body;
        uint64_t id, time;
        char *sender;
        bool own;
};

static void release(gpointer userdata)
{
        struct timeline_row *r = userdata;

        g_free(r->sender);
        g_free(r);
}

static struct timeline_row *row_of(GtkWidget *row)
{
        return g_object_get_data(G_OBJECT(row), "timeline-row");
}

static GtkWidget *new_label(const char *text, const char *class)
{
        GtkWidget *label = gtk_label_new(text);

        gtk_label_set_wrap(GTK_LABEL(label), true);
        gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
        gtk_label_set_justify(GTK_LABEL(label), GTK_JUSTIFY_CENTER);
        gtk_widget_add_css_class(label, class);
        return label;
}

static bool is_remark(const struct said *s)
{
        return strcmp(s->kind, "notice") == 0 || strcmp(s->kind, "lifetime") == 0 || !*s->sender;
}

/* Who set how long messages stay is said of a person; what Visavis itself has to say has no sender. */
static char *remark_of(const struct timeline_row *r, const struct said *s)
{
        if (!*s->sender)
                return g_strdup(s->text);
        g_autofree char *name = s->own ? g_strdup("You") : people_name(r->style->people, s->sender);
        return g_strdup_printf("%s: %s", name, s->text);
}

static void name_row(GtkWidget *row, const struct timeline_row *r, const struct said *s)
{
        g_autofree char *who = s->own       ? g_strdup("You")
                               : *s->sender ? people_name(r->style->people, s->sender)
                                            : g_strdup("Remark");
        g_autofree char *text = message_facts_beginning(s->text, s->file_name), *clock = when_clock(s->time);
        g_autofree char *name = g_strdup_printf("%s, %s: %s", who, clock, text);

        part_name(row, name);
}

void timeline_row_set(GtkWidget *row, const struct said *s)
{
        struct timeline_row *r = row_of(row);

        if (r->body)
                gtk_box_remove(GTK_BOX(r->box), r->body);
        g_free(r->sender);
        r->id = s->id;
        r->time = s->time;
        r->own = s->own;
        r->sender = g_strdup(s->sender);
        if (is_remark(s)) {
                g_autofree char *text = remark_of(r, s);

                r->body = new_label(text, "remark");
                r->bubble = NULL;
        } else {
                r->body = r->bubble = message_bubble_new(s, r->style);
        }
        gtk_box_append(GTK_BOX(r->box), r->body);
        name_row(row, r, s);
}

static gboolean on_key(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
                       gpointer userdata)
{
        struct timeline_row *r = userdata;

        if (!r->bubble || (key != GDK_KEY_Menu && !(key == GDK_KEY_F10 && (state & GDK_SHIFT_MASK))))
                return GDK_EVENT_PROPAGATE;
        message_bubble_open_menu(r->bubble);
        return GDK_EVENT_STOP;
}

GtkWidget *timeline_row_new(const struct said *s, const struct message_bubble_style *style)
{
        GtkWidget *row = gtk_list_box_row_new();
        GtkEventController *keys = gtk_event_controller_key_new();
        struct timeline_row *r = g_new0(struct timeline_row, 1);

        r->style = style;
        r->box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
        r->day = new_label("", "day");
        r->unread = new_label("New messages", "unread-mark");
        gtk_box_append(GTK_BOX(r->box), r->day);
        gtk_box_append(GTK_BOX(r->box), r->unread);
        gtk_widget_set_visible(r->unread, false);
        gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(row), r->box);
        gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), false);
        gtk_list_box_row_set_selectable(GTK_LIST_BOX_ROW(row), false);
        g_object_set_data_full(G_OBJECT(row), "timeline-row", r, release);
        g_signal_connect(keys, "key-pressed", G_CALLBACK(on_key), r);
        gtk_widget_add_controller(row, keys);
        timeline_row_set(row, s);
        return row;
}

void timeline_row_follow(GtkWidget *row, GtkWidget *previous)
{
        g_autoptr(GDateTime) now = g_date_time_new_now_local();
        struct timeline_row *r = row_of(row), *before = previous ? row_of(previous) : NULL;
        bool same_day = before && when_same_day(before->time, r->time);
        bool follows = same_day && before->bubble && strcmp(before->sender, r->sender) == 0 &&
                       r->time - before->time < follow_usec;
        g_autofree char *day = when_day(r->time, now);

        gtk_label_set_text(GTK_LABEL(r->day), day);
        gtk_widget_set_visible(r->day, !same_day);
        if (r->bubble)
                message_bubble_set_follows(r->bubble, follows);
}

void timeline_row_set_unread_mark(GtkWidget *row, bool shown)
{
        gtk_widget_set_visible(row_of(row)->unread, shown);
}

uint64_t timeline_row_id(GtkWidget *row)
{
        return row_of(row)->id;
}

uint64_t timeline_row_time(GtkWidget *row)
{
        return row_of(row)->time;
}

bool timeline_row_is_own(GtkWidget *row)
{
        return row_of(row)->own;
}

GtkWidget *timeline_row_bubble(GtkWidget *row)
{
        return row_of(row)->bubble;
}
