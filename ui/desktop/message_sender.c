/* See message_sender.h. */
#include "ui/desktop/message_sender.h"

#include "ui/desktop/trust_mark.h"

enum { COLOURS = 8 }; /* as many as style.css has */

GtkWidget *message_sender_new(const struct people *people, const char *address)
{
        GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 4);
        g_autofree char *name = people_name(people, address);
        g_autofree char *colour = g_strdup_printf("colour-%u", g_str_hash(address) % COLOURS);
        GtkWidget *label = gtk_label_new(name), *mark = gtk_image_new();

        gtk_label_set_xalign(GTK_LABEL(label), 0);
        gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
        gtk_widget_set_tooltip_text(label, address + (*address == '?'));
        gtk_image_set_pixel_size(GTK_IMAGE(mark), 12);
        trust_mark_set(GTK_IMAGE(mark), people_trust(people, address));
        gtk_widget_add_css_class(box, "sender");
        gtk_widget_add_css_class(box, *address == '?' ? "warning" : colour);
        gtk_box_append(GTK_BOX(box), label);
        gtk_box_append(GTK_BOX(box), mark);
        return box;
}
