/* See conversation_search.h. */
#include "ui/desktop/conversation_search.h"

#include "ui/client/calls.h"
#include "ui/client/history.h"
#include "ui/desktop/parts.h"

enum { FOUND_MAX = 500 };

struct conversation_search {
        GtkSearchBar *bar;
        GtkEditable *entry;
        GtkLabel *count;
        GtkWidget *older, *newer;
        conversation_search_found found;
        void *userdata;
        struct account *account;
        const char *conversation;
        struct calls calls;
        GArray *matches; /* ids, the newest first */
        guint shown;
};

static void show(struct conversation_search *s)
{
        guint n = s->matches->len;
        g_autofree char *count = n > 0 ? g_strdup_printf("%u of %u%s", s->shown + 1, n, n == FOUND_MAX ? "+" : "")
                                       : g_strdup(*gtk_editable_get_text(s->entry) ? "Nothing" : "");

        gtk_label_set_text(s->count, count);
        gtk_widget_set_sensitive(s->older, s->shown + 1 < n);
        gtk_widget_set_sensitive(s->newer, s->shown > 0);
        if (n > 0)
                s->found(g_array_index(s->matches, uint64_t, s->shown), s->userdata);
}

static void on_matches(const struct match *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct conversation_search *s = userdata;

        g_array_set_size(s->matches, 0);
        for (size_t i = 0; i < n; i++)
                g_array_append_val(s->matches, list[i].message);
        s->shown = 0;
        show(s);
        gtk_widget_grab_focus(GTK_WIDGET(s->entry));
        gtk_editable_set_position(s->entry, -1);
}

static void on_changed(struct conversation_search *s)
{
        const char *words = gtk_editable_get_text(s->entry);

        calls_cancel(&s->calls);
        if (s->account && *words)
                (void) history_search(s->account, &s->calls, words,
                                      &(struct search){ .conversation = s->conversation, .limit = FOUND_MAX },
                                      on_matches, s);
        else
                on_matches(NULL, 0, NULL, s);
}

static void step(struct conversation_search *s, int by)
{
        if (s->matches->len == 0 || (by < 0 && s->shown == 0) || (by > 0 && s->shown + 1 >= s->matches->len))
                return;
        s->shown += (guint) by;
        show(s);
}

static void on_older(struct conversation_search *s)
{
        step(s, 1);
}

static void on_newer(struct conversation_search *s)
{
        step(s, -1);
}

static void on_mode(struct conversation_search *s)
{
        if (!gtk_search_bar_get_search_mode(s->bar))
                calls_cancel(&s->calls);
}

static GtkWidget *new_button(const char *icon, const char *name)
{
        GtkWidget *button = gtk_button_new_from_icon_name(icon);

        gtk_widget_set_tooltip_text(button, name);
        gtk_widget_add_css_class(button, "flat");
        part_name(button, name);
        return button;
}

static void release(gpointer userdata)
{
        struct conversation_search *s = userdata;

        calls_cancel(&s->calls);
        g_array_unref(s->matches);
        g_free(s);
}

static GtkWidget *new_line(struct conversation_search *s)
{
        GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6), *entry = gtk_search_entry_new();

        s->entry = GTK_EDITABLE(entry);
        s->count = GTK_LABEL(gtk_label_new(NULL));
        s->older = new_button("go-up-symbolic", "Older");
        s->newer = new_button("go-down-symbolic", "Newer");
        part_name(entry, "Search in the conversation");
        gtk_widget_set_hexpand(entry, true);
        gtk_widget_add_css_class(GTK_WIDGET(s->count), "numeric");
        gtk_box_append(GTK_BOX(line), entry);
        gtk_box_append(GTK_BOX(line), GTK_WIDGET(s->count));
        gtk_box_append(GTK_BOX(line), s->older);
        gtk_box_append(GTK_BOX(line), s->newer);
        g_signal_connect_swapped(entry, "search-changed", G_CALLBACK(on_changed), s);
        g_signal_connect_swapped(entry, "activate", G_CALLBACK(on_older), s);
        g_signal_connect_swapped(entry, "next-match", G_CALLBACK(on_newer), s);
        g_signal_connect_swapped(entry, "previous-match", G_CALLBACK(on_older), s);
        g_signal_connect_swapped(s->older, "clicked", G_CALLBACK(on_older), s);
        g_signal_connect_swapped(s->newer, "clicked", G_CALLBACK(on_newer), s);
        return line;
}

struct conversation_search *conversation_search_new(GtkBox *parent, conversation_search_found found, void *userdata)
{
        struct conversation_search *s = g_new0(struct conversation_search, 1);
        GtkWidget *bar = gtk_search_bar_new(), *clamp = adw_clamp_new();

        s->bar = GTK_SEARCH_BAR(bar);
        s->found = found;
        s->userdata = userdata;
        s->matches = g_array_new(false, false, sizeof(uint64_t));
        adw_clamp_set_child(ADW_CLAMP(clamp), new_line(s));
        gtk_search_bar_set_child(s->bar, clamp);
        gtk_search_bar_connect_entry(s->bar, s->entry);
        g_signal_connect_swapped(bar, "notify::search-mode-enabled", G_CALLBACK(on_mode), s);
        g_object_set_data_full(G_OBJECT(bar), "conversation-search", s, release);
        gtk_widget_set_visible(bar, false);
        gtk_box_append(parent, bar);
        return s;
}

void conversation_search_open(struct conversation_search *s, struct account *a, const char *conversation)
{
        s->account = a;
        s->conversation = conversation;
        gtk_widget_set_visible(GTK_WIDGET(s->bar), true);
        gtk_search_bar_set_search_mode(s->bar, true);
        gtk_widget_grab_focus(GTK_WIDGET(s->entry));
}

void conversation_search_close(struct conversation_search *s)
{
        calls_cancel(&s->calls);
        s->account = NULL;
        gtk_editable_set_text(s->entry, "");
        g_array_set_size(s->matches, 0);
        gtk_search_bar_set_search_mode(s->bar, false);
        gtk_widget_set_visible(GTK_WIDGET(s->bar), false);
}

bool conversation_search_is_open(const struct conversation_search *s)
{
        return s->account && gtk_search_bar_get_search_mode(s->bar);
}
