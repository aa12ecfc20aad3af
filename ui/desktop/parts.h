/* The widgets of a .ui file, by their ids. */
#pragma once

#include <adwaita.h>

#define PARTS_FOLDER "/im/visavis/Desktop/"

/* A missing id is a programmer's error: the files are compiled in. */
static inline GtkWidget *part(GtkBuilder *builder, const char *id)
{
        GObject *o = gtk_builder_get_object(builder, id);

        g_assert(GTK_IS_WIDGET(o));
        return GTK_WIDGET(o);
}

/* What a screen reader calls a control that has no text of its own. */
static inline void part_name(gpointer widget, const char *name)
{
        gtk_accessible_update_property(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

/* Shows the page of that name, and tells screen readers that the others are hidden: GTK 4.8 does not by itself. */
static inline void part_show_page(GtkStack *stack, const char *name)
{
        GtkWidget *shown = gtk_stack_get_child_by_name(stack, name);

        g_assert(shown);
        gtk_stack_set_visible_child(stack, shown);
        for (GtkWidget *w = gtk_widget_get_first_child(GTK_WIDGET(stack)); w; w = gtk_widget_get_next_sibling(w))
                gtk_accessible_update_state(GTK_ACCESSIBLE(w), GTK_ACCESSIBLE_STATE_HIDDEN, w != shown, -1);
}

/* Shows a window that asks about what is on the page: part_end_questions() takes it away with that. */
static inline void part_ask(gpointer window)
{
        gtk_widget_add_css_class(window, "question");
        gtk_window_present(window);
}

/* Ends what was asked over the window of @widget: an answer would come too late. */
static inline void part_end_questions(GtkWidget *widget)
{
        GtkRoot *root = gtk_widget_get_root(widget);
        GList *all = gtk_window_list_toplevels();

        for (GList *l = all; l && root; l = l->next)
                if (gtk_widget_has_css_class(l->data, "question") &&
                    gtk_window_get_transient_for(l->data) == GTK_WINDOW(root))
                        gtk_window_destroy(l->data);
        g_list_free(all);
}
