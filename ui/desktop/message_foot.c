/* See message_foot.h. */
#include "ui/desktop/message_foot.h"

#include <string.h>

#include "ui/desktop/parts.h"
#include "ui/desktop/when.h"

struct message_foot {
        bool own;
        GtkImage *mark, *second; /* two marks: it has arrived */
        GtkWidget *failure;
};

static const struct state {
        const char *state, *icon, *words;
        bool twice, accent;
} states[] = {
        { "queued", "content-loading-symbolic", "Waiting to be sent", false, false },
        { "stored", "object-select-symbolic", "Stored at the hub", false, false },
        { "delivered", "object-select-symbolic", "Delivered", true, false },
        { "read", "object-select-symbolic", "Read", true, true },
        { "failed", "dialog-warning-symbolic", "Not sent", false, false },
};

static GtkWidget *add_label(GtkWidget *foot, const char *text, const char *class)
{
        GtkWidget *label = gtk_label_new(text);

        gtk_widget_add_css_class(label, class);
        gtk_box_append(GTK_BOX(foot), label);
        return label;
}

static GtkImage *add_icon(GtkWidget *foot, const char *icon, const char *words)
{
        GtkImage *image = GTK_IMAGE(gtk_image_new_from_icon_name(icon));

        gtk_image_set_pixel_size(image, 12);
        if (words) {
                gtk_widget_set_tooltip_text(GTK_WIDGET(image), words);
                part_name(image, words);
        }
        gtk_box_append(GTK_BOX(foot), GTK_WIDGET(image));
        return image;
}

static void set_class(gpointer widget, const char *class, bool on)
{
        if (on)
                gtk_widget_add_css_class(widget, class);
        else
                gtk_widget_remove_css_class(widget, class);
}

bool message_foot_set_state(GtkWidget *foot, const char *state)
{
        struct message_foot *f = g_object_get_data(G_OBJECT(foot), "message-foot");
        const struct state *found = NULL;

        for (unsigned i = 0; f->own && i < G_N_ELEMENTS(states); i++)
                if (strcmp(states[i].state, state) == 0)
                        found = &states[i];
        bool failed = found && strcmp(state, "failed") == 0;
        gtk_widget_set_visible(GTK_WIDGET(f->mark), found != NULL);
        gtk_widget_set_visible(GTK_WIDGET(f->second), found && found->twice);
        gtk_widget_set_visible(f->failure, failed);
        if (found) {
                gtk_image_set_from_icon_name(f->mark, found->icon);
                gtk_widget_set_tooltip_text(GTK_WIDGET(f->mark), found->words);
                part_name(f->mark, found->words);
                set_class(f->mark, "seen", found->accent);
                set_class(f->second, "seen", found->accent);
        }
        return failed;
}

static void add_flags(GtkWidget *foot, const struct said *s)
{
        if (s->pinned)
                add_icon(foot, "view-pin-symbolic", "Pinned");
        if (s->lifetime > 0) {
                g_autofree char *left = when_span(s->lifetime);
                g_autofree char *words = g_strdup_printf("Disappears after %s", left);

                add_icon(foot, "alarm-symbolic", words);
        }
        if (s->forwarded)
                add_label(foot, "Forwarded", "dim");
        if (s->edited > 0)
                add_label(foot, "Edited", "dim");
}

GtkWidget *message_foot_new(const struct said *s)
{
        struct message_foot *f = g_new0(struct message_foot, 1);
        GtkWidget *foot = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 4);
        g_autofree char *clock = when_clock(s->time), *whole = when_full(s->time);

        f->own = s->own;
        f->failure = add_label(foot, "Not sent", "error");
        add_flags(foot, s);
        gtk_widget_set_tooltip_text(add_label(foot, clock, "numeric"), whole);
        f->mark = add_icon(foot, NULL, NULL);
        f->second = add_icon(foot, "object-select-symbolic", NULL);
        gtk_widget_add_css_class(GTK_WIDGET(f->second), "second");
        gtk_widget_add_css_class(foot, "foot");
        gtk_widget_set_halign(foot, s->own ? GTK_ALIGN_END : GTK_ALIGN_START);
        g_object_set_data_full(G_OBJECT(foot), "message-foot", f, g_free);
        return foot;
}
