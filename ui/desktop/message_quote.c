/* See message_quote.h. */
#include "ui/desktop/message_quote.h"

#include <string.h>

#include "ui/desktop/parts.h"

struct message_quote {
        uint64_t target;
        const struct message_events *events;
        void *userdata;
};

static void on_clicked(struct message_quote *q)
{
        if (q->target > 0)
                q->events->jump(q->target, q->userdata);
}

static void add_line(GtkWidget *box, const char *text, const char *class)
{
        GtkWidget *label = gtk_label_new(text);

        gtk_label_set_xalign(GTK_LABEL(label), 0);
        gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
        gtk_label_set_single_line_mode(GTK_LABEL(label), true);
        gtk_widget_add_css_class(label, class);
        gtk_box_append(GTK_BOX(box), label);
}

GtkWidget *message_quote_new(const struct said *s, const struct people *people, const struct message_events *events,
                             void *userdata)
{
        struct message_quote *q = g_new0(struct message_quote, 1);
        GtkWidget *button = gtk_button_new(), *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 1);
        bool here = s->replies_to > 0;
        g_autofree char *who = here ? people_name(people, s->quote_sender) : g_strdup("Reply");
        g_autofree char *text = here ? message_facts_beginning(s->quote, "") : g_strdup("A message that is not here");
        g_autofree char *name = g_strdup_printf("Replies to %s: %s", who, text);

        *q = (struct message_quote){ s->replies_to, events, userdata };
        add_line(box, who, "who");
        add_line(box, text, "what");
        gtk_button_set_child(GTK_BUTTON(button), box);
        gtk_widget_add_css_class(button, "quote");
        gtk_widget_set_sensitive(button, here);
        part_name(button, name);
        g_signal_connect_swapped(button, "clicked", G_CALLBACK(on_clicked), q);
        g_object_set_data_full(G_OBJECT(button), "message-quote", q, g_free);
        return button;
}
