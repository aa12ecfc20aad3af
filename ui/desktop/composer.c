/* Where a message is written. */
#include "ui/desktop/composer.h"

#include "ui/desktop/parts.h"

struct composer {
        const struct composer_events *events;
        void *userdata;
        GtkTextView *view;
        GtkTextBuffer *buffer;
        GtkWidget *placeholder;
        GtkWidget *send;
        bool composing; /* an input method has a character half-made: Enter is its key now */
};

static char *text_of(struct composer *c)
{
        GtkTextIter start, end;

        gtk_text_buffer_get_bounds(c->buffer, &start, &end);
        return gtk_text_buffer_get_text(c->buffer, &start, &end, false);
}

static void on_changed(struct composer *c)
{
        g_autofree char *text = g_strstrip(text_of(c));

        gtk_widget_set_visible(c->placeholder, gtk_text_buffer_get_char_count(c->buffer) == 0);
        gtk_widget_set_sensitive(c->send, *text != '\0');
}

static void on_send(struct composer *c)
{
        g_autofree char *text = g_strchomp(text_of(c));

        if (*text && gtk_widget_is_sensitive(c->send) && c->events->send(text, c->userdata))
                composer_clear(c);
        composer_focus(c);
}

static gboolean on_key(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
                       gpointer userdata)
{
        struct composer *c = userdata;
        bool enter = key == GDK_KEY_Return || key == GDK_KEY_KP_Enter || key == GDK_KEY_ISO_Enter;

        if (!enter || c->composing || (state & (GDK_SHIFT_MASK | GDK_CONTROL_MASK | GDK_ALT_MASK)))
                return GDK_EVENT_PROPAGATE;
        on_send(c);
        return GDK_EVENT_STOP;
}

static void on_preedit(GtkTextView *view, const char *preedit, gpointer userdata)
{
        ((struct composer *) userdata)->composing = *preedit;
}

struct composer *composer_new(GtkBox *parent, const struct composer_events *events, void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "composer.ui");
        struct composer *c = g_new0(struct composer, 1);
        GtkWidget *root = part(builder, "root");
        GtkEventController *keys = gtk_event_controller_key_new();

        c->events = events;
        c->userdata = userdata;
        c->view = GTK_TEXT_VIEW(part(builder, "view"));
        c->buffer = gtk_text_view_get_buffer(c->view);
        c->placeholder = part(builder, "placeholder");
        c->send = part(builder, "send");
        /* Before the text view's own, which would break the line. */
        gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
        g_signal_connect(keys, "key-pressed", G_CALLBACK(on_key), c);
        gtk_widget_add_controller(GTK_WIDGET(c->view), keys);
        g_signal_connect(c->view, "preedit-changed", G_CALLBACK(on_preedit), c);
        g_signal_connect_swapped(c->buffer, "changed", G_CALLBACK(on_changed), c);
        g_signal_connect_swapped(c->send, "clicked", G_CALLBACK(on_send), c);
        g_object_set_data_full(G_OBJECT(root), "composer", c, g_free);
        gtk_box_append(parent, root);
        on_changed(c);
        return c;
}

void composer_restore(struct composer *c, const char *text)
{
        if (gtk_text_buffer_get_char_count(c->buffer) == 0)
                gtk_text_buffer_set_text(c->buffer, text, -1);
}

void composer_clear(struct composer *c)
{
        gtk_text_buffer_begin_irreversible_action(c->buffer);
        gtk_text_buffer_set_text(c->buffer, "", -1);
        gtk_text_buffer_end_irreversible_action(c->buffer);
}

void composer_focus(struct composer *c)
{
        gtk_widget_grab_focus(GTK_WIDGET(c->view));
}
