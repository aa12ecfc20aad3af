/* See search_results.h. */
#include "ui/desktop/search_results.h"

#include "ui/client/calls.h"
#include "ui/client/history.h"
#include "ui/client/messages.h"
#include "ui/desktop/message_facts.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/when.h"

enum { SHOWN_MAX = 20 };

struct search_results {
        GtkListBox *box;
        const struct people *people;
        const struct search_results_events *events;
        void *userdata;
        struct account *account;
        struct calls calls;
};

/* A row waits for its message with what there is to know of it. */
struct result {
        struct search_results *list;
        GtkWidget *row;
        GtkLabel *title, *when, *text;
        char *conversation;
        uint64_t message;
};

static void result_free(gpointer data)
{
        struct result *r = data;

        g_free(r->conversation);
        g_free(r);
}

static void on_message(const struct said *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct result *r = userdata;
        g_autoptr(GDateTime) now = g_date_time_new_now_local();

        if (n != 1 || list[0].id != r->message) {
                gtk_widget_set_visible(r->row, false); /* it is gone since */
                return;
        }
        g_autofree char *who = list[0].own ? g_strdup("You") : people_name(r->list->people, list[0].sender);
        g_autofree char *beginning = message_facts_beginning(list[0].text, list[0].file_name);
        g_autofree char *text = g_strdup_printf("%s: %s", who, beginning), *when = when_short(list[0].time, now);

        gtk_label_set_text(r->text, text);
        gtk_label_set_text(r->when, when);
        part_name(r->row, text);
}

static GtkLabel *new_label(GtkWidget *box, const char *class)
{
        GtkWidget *label = gtk_label_new(NULL);

        gtk_label_set_xalign(GTK_LABEL(label), 0);
        gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
        gtk_label_set_single_line_mode(GTK_LABEL(label), true);
        gtk_widget_add_css_class(label, class);
        gtk_box_append(GTK_BOX(box), label);
        return GTK_LABEL(label);
}

static void add(struct search_results *s, struct account *a, const struct match *m)
{
        struct result *r = g_new0(struct result, 1);
        GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2), *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
        g_autofree char *title = people_name(s->people, s->events->address(m->conversation, s->userdata));

        r->list = s;
        r->row = gtk_list_box_row_new();
        r->conversation = g_strdup(m->conversation);
        r->message = m->message;
        r->title = new_label(line, "name");
        r->when = new_label(line, "caption");
        gtk_widget_set_hexpand(GTK_WIDGET(r->title), true);
        gtk_label_set_text(r->title, title);
        gtk_box_append(GTK_BOX(box), line);
        r->text = new_label(box, "words");
        gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(r->row), box);
        gtk_widget_add_css_class(r->row, "conversation");
        g_object_set_data_full(G_OBJECT(r->row), "result", r, result_free);
        gtk_list_box_append(s->box, r->row);
        (void) messages_read(a, &s->calls, m->conversation, &(struct said_page){ .before = m->message + 1, .limit = 1 },
                             on_message, r);
}

static void on_matches(const struct match *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct search_results *s = userdata;

        for (size_t i = 0; i < n; i++)
                add(s, s->account, &list[i]);
        s->events->counted((unsigned) n, s->userdata);
}

void search_results_clear(struct search_results *s)
{
        GtkListBoxRow *row;

        calls_cancel(&s->calls);
        while ((row = gtk_list_box_get_row_at_index(s->box, 0)))
                gtk_list_box_remove(s->box, GTK_WIDGET(row));
        s->events->counted(0, s->userdata);
}

void search_results_find(struct search_results *s, struct account *a, const char *words)
{
        search_results_clear(s);
        s->account = a;
        if (*words)
                (void) history_search(a, &s->calls, words, &(struct search){ .limit = SHOWN_MAX }, on_matches, s);
}

static void on_row(struct search_results *s, GtkListBoxRow *row)
{
        const struct result *r = g_object_get_data(G_OBJECT(row), "result");

        s->events->chosen(r->conversation, r->message, s->userdata);
}

static void release(gpointer userdata)
{
        struct search_results *s = userdata;

        calls_cancel(&s->calls);
        g_free(s);
}

struct search_results *search_results_new(GtkListBox *box, const struct people *people,
                                          const struct search_results_events *events, void *userdata)
{
        struct search_results *s = g_new0(struct search_results, 1);

        *s = (struct search_results){ .box = box, .people = people, .events = events, .userdata = userdata };
        g_signal_connect_swapped(box, "row-activated", G_CALLBACK(on_row), s);
        g_object_set_data_full(G_OBJECT(box), "search-results", s, release);
        return s;
}
