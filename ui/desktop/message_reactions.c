/* See message_reactions.h. */
#include "ui/desktop/message_reactions.h"

#include <string.h>

#include "ui/desktop/parts.h"

struct reaction {
        const struct message_facts *message;
        const struct message_events *events;
        void *userdata;
        char *emoji;
};

static void release(gpointer data)
{
        struct reaction *r = data;

        g_free(r->emoji);
        g_free(r);
}

static void on_clicked(struct reaction *r)
{
        r->events->react(r->message, r->emoji, r->userdata);
}

/* The names of those who think so, from the @from-th on; how many. */
static unsigned names_of(const struct said *s, size_t from, const struct people *people, GString *names)
{
        unsigned n = 0;

        for (size_t i = from; i < s->reaction_count; i++) {
                if (strcmp(s->reactions[i].emoji, s->reactions[from].emoji) != 0)
                        continue;
                g_autofree char *name = people_name(people, s->reactions[i].who);
                g_string_append_printf(names, "%s%s", n++ > 0 ? ", " : "", name);
        }
        return n;
}

static bool is_first(const struct said *s, size_t at)
{
        for (size_t i = 0; i < at; i++)
                if (strcmp(s->reactions[i].emoji, s->reactions[at].emoji) == 0)
                        return false;
        return true;
}

static GtkWidget *new_button(const struct said *s, size_t at, const struct people *people, struct reaction *r)
{
        g_autoptr(GString) names = g_string_new(NULL);
        unsigned n = names_of(s, at, people, names);
        g_autofree char *count = n > 1 ? g_strdup_printf("%s %u", r->emoji, n) : g_strdup(r->emoji);
        g_autofree char *name = g_strdup_printf("%s by %s", r->emoji, names->str);
        GtkWidget *button = gtk_button_new_with_label(count);

        gtk_label_set_ellipsize(GTK_LABEL(gtk_button_get_child(GTK_BUTTON(button))), PANGO_ELLIPSIZE_END);
        gtk_label_set_max_width_chars(GTK_LABEL(gtk_button_get_child(GTK_BUTTON(button))), 12);
        gtk_widget_add_css_class(button, "reaction");
        if (g_strv_contains((const char *const *) r->message->mine, r->emoji))
                gtk_widget_add_css_class(button, "mine");
        gtk_widget_set_tooltip_text(button, names->str);
        part_name(button, name);
        g_signal_connect_swapped(button, "clicked", G_CALLBACK(on_clicked), r);
        g_object_set_data_full(G_OBJECT(button), "reaction", r, release);
        return button;
}

GtkWidget *message_reactions_new(const struct said *s, const struct message_facts *m, const struct people *people,
                                 const struct message_events *events, void *userdata)
{
        enum { SHOWN_MAX = 16, PER_LINE = 6 };
        GtkWidget *grid = gtk_grid_new();
        int shown = 0;

        gtk_grid_set_column_spacing(GTK_GRID(grid), 3);
        gtk_grid_set_row_spacing(GTK_GRID(grid), 3);
        gtk_widget_set_halign(grid, m->own ? GTK_ALIGN_END : GTK_ALIGN_START);
        gtk_widget_add_css_class(grid, "reactions");
        for (size_t i = 0; i < s->reaction_count && shown < SHOWN_MAX; i++) {
                if (!is_first(s, i))
                        continue;
                struct reaction *r = g_new0(struct reaction, 1);
                *r = (struct reaction){ m, events, userdata, g_strdup(s->reactions[i].emoji) };
                gtk_grid_attach(GTK_GRID(grid), new_button(s, i, people, r), shown % PER_LINE, shown / PER_LINE, 1, 1);
                shown++;
        }
        return grid;
}
