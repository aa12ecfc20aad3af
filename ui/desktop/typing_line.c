/* See typing_line.h. */
#include "ui/desktop/typing_line.h"

enum { GOOD_SECONDS = 10, NAMED_MAX = 3 };

struct typing_line {
        const struct people *people;
        GtkLabel *label;
        GHashTable *until; /* address: when it ends, by the monotonic clock */
        guint timer;
};

static void show(struct typing_line *l)
{
        g_autoptr(GString) names = g_string_new(NULL);
        guint n = g_hash_table_size(l->until), named = 0;
        GHashTableIter i;
        gpointer who;

        g_hash_table_iter_init(&i, l->until);
        while (named < NAMED_MAX && g_hash_table_iter_next(&i, &who, NULL)) {
                g_autofree char *name = people_name(l->people, who);

                g_string_append_printf(names, "%s%s", named == 0 ? "" : named + 1 == n ? " and " : ", ", name);
                named++;
        }
        g_string_append(names, n > named ? " and others are writing…" : n > 1 ? " are writing…" : " is writing…");
        gtk_label_set_text(l->label, names->str);
        gtk_widget_set_visible(GTK_WIDGET(l->label), n > 0);
}

static gboolean is_over(gpointer who, gpointer until, gpointer now)
{
        return *(gint64 *) until <= *(gint64 *) now;
}

static gboolean on_second(gpointer userdata)
{
        struct typing_line *l = userdata;
        gint64 now = g_get_monotonic_time();

        if (g_hash_table_foreach_remove(l->until, is_over, &now) > 0)
                show(l);
        if (g_hash_table_size(l->until) > 0)
                return G_SOURCE_CONTINUE;
        l->timer = 0;
        return G_SOURCE_REMOVE;
}

void typing_line_set(struct typing_line *l, const char *who, bool typing)
{
        gint64 *until = g_new(gint64, 1);

        *until = typing ? g_get_monotonic_time() + GOOD_SECONDS * G_USEC_PER_SEC : 0;
        g_hash_table_replace(l->until, g_strdup(who), until);
        if (!typing)
                g_hash_table_remove(l->until, who);
        if (l->timer == 0 && typing)
                l->timer = g_timeout_add_seconds(1, on_second, l);
        show(l);
}

void typing_line_clear(struct typing_line *l)
{
        g_hash_table_remove_all(l->until);
        show(l);
}

static void release(gpointer userdata)
{
        struct typing_line *l = userdata;

        g_clear_handle_id(&l->timer, g_source_remove);
        g_hash_table_unref(l->until);
        g_free(l);
}

struct typing_line *typing_line_new(GtkBox *parent, const struct people *people)
{
        struct typing_line *l = g_new0(struct typing_line, 1);

        l->people = people;
        l->until = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        l->label = GTK_LABEL(gtk_label_new(NULL));
        gtk_label_set_xalign(l->label, 0);
        gtk_label_set_ellipsize(l->label, PANGO_ELLIPSIZE_END);
        gtk_widget_add_css_class(GTK_WIDGET(l->label), "typing");
        gtk_widget_set_visible(GTK_WIDGET(l->label), false);
        g_object_set_data_full(G_OBJECT(l->label), "typing-line", l, release);
        gtk_box_append(parent, GTK_WIDGET(l->label));
        return l;
}
