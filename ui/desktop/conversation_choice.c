/* See conversation_choice.h. */
#include "ui/desktop/conversation_choice.h"

#include <adwaita.h>
#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/parts.h"

struct conversation_choice {
        GtkWindow *window;
        GtkEditable *search;
        GtkListBox *list;
        const struct people *people;
        struct calls calls;
        conversation_choice_done done;
        void *userdata;
};

static void release(gpointer userdata)
{
        struct conversation_choice *c = userdata;

        calls_cancel(&c->calls);
        if (c->done)
                c->done(NULL, c->userdata);
        g_free(c);
}

static void on_row(struct conversation_choice *c, GtkListBoxRow *row)
{
        conversation_choice_done done = c->done;

        c->done = NULL;
        done(g_object_get_data(G_OBJECT(row), "id"), c->userdata);
        gtk_window_destroy(c->window);
}

/* A list's own filter would leave the rows to screen readers (GTK 4.8). */
static void on_search(struct conversation_choice *c)
{
        const char *words = gtk_editable_get_text(c->search);
        GtkListBoxRow *row;

        for (int i = 0; (row = gtk_list_box_get_row_at_index(c->list, i)); i++)
                gtk_widget_set_visible(GTK_WIDGET(row),
                                       g_str_match_string(words, g_object_get_data(G_OBJECT(row), "name"), true));
}

static void add_row(struct conversation_choice *c, const struct conversation *one)
{
        GtkWidget *row = adw_action_row_new(), *avatar;
        g_autofree char *address = g_strndup(one->address, strcspn(one->address, "#") ?: strlen(one->address));
        g_autofree char *name = people_name(c->people, address);
        g_autofree char *safe = g_markup_escape_text(name, -1);

        avatar = adw_avatar_new(32, name, true);
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), safe);
        adw_action_row_add_prefix(ADW_ACTION_ROW(row), avatar);
        gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), true);
        g_object_set_data_full(G_OBJECT(row), "id", g_strdup(one->id), g_free);
        g_object_set_data_full(G_OBJECT(row), "name", g_strdup(name), g_free);
        gtk_list_box_append(c->list, row);
}

static void on_conversations(const struct conversation *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct conversation_choice *c = userdata;

        for (size_t i = 0; i < n; i++)
                add_row(c, &list[i]);
        if (n == 0)
                gtk_list_box_set_placeholder(c->list,
                                             gtk_label_new(error ? client_error_text(error) : "There is none."));
}

static GtkWidget *new_content(struct conversation_choice *c, const char *title)
{
        GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0), *header = adw_header_bar_new();
        GtkWidget *search = gtk_search_entry_new(), *scroller = gtk_scrolled_window_new();
        GtkWidget *list = gtk_list_box_new();

        c->search = GTK_EDITABLE(search);
        c->list = GTK_LIST_BOX(list);
        adw_header_bar_set_title_widget(ADW_HEADER_BAR(header), adw_window_title_new(title, ""));
        gtk_widget_set_margin_start(search, 12);
        gtk_widget_set_margin_end(search, 12);
        gtk_widget_set_margin_bottom(search, 6);
        part_name(search, "Search conversations");
        gtk_list_box_set_selection_mode(c->list, GTK_SELECTION_NONE);
        gtk_widget_set_valign(list, GTK_ALIGN_START);
        gtk_widget_add_css_class(list, "boxed-list");
        gtk_widget_add_css_class(list, "choices");
        part_name(list, title);
        gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
        gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroller), list);
        gtk_widget_set_vexpand(scroller, true);
        g_signal_connect_swapped(search, "search-changed", G_CALLBACK(on_search), c);
        g_signal_connect_swapped(list, "row-activated", G_CALLBACK(on_row), c);
        gtk_box_append(GTK_BOX(box), header);
        gtk_box_append(GTK_BOX(box), search);
        gtk_box_append(GTK_BOX(box), scroller);
        return box;
}

void conversation_choice_ask(GtkWidget *widget, struct account *account, const struct people *people, const char *title,
                             conversation_choice_done done, void *userdata)
{
        struct conversation_choice *c = g_new0(struct conversation_choice, 1);
        GtkWidget *window = adw_window_new();

        *c = (struct conversation_choice){
                .window = GTK_WINDOW(window), .people = people, .done = done, .userdata = userdata
        };
        adw_window_set_content(ADW_WINDOW(window), new_content(c, title));
        gtk_window_set_title(c->window, title);
        gtk_window_set_modal(c->window, true);
        gtk_window_set_transient_for(c->window, GTK_WINDOW(gtk_widget_get_root(widget)));
        gtk_window_set_destroy_with_parent(c->window, true);
        gtk_window_set_default_size(c->window, 340, 480);
        g_object_set_data_full(G_OBJECT(window), "conversation-choice", c, release);
        (void) account_conversations(account, &c->calls, on_conversations, c);
        part_ask(c->window);
}
