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

/* The same for an entry's inner text, which is what has the focus. */
static inline void part_name_entry(gpointer entry, const char *name)
{
        part_name(gtk_editable_get_delegate(GTK_EDITABLE(entry)), name);
}
