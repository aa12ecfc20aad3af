/* Where a message is written. */
#include "ui/desktop/composer.h"

#include <string.h>

#include "ui/desktop/parts.h"

enum { TEXT_SIZE_MAX = 65536, SAID_FROM = TEXT_SIZE_MAX - 2048 }; /* bytes; from there on the limit is said */

struct composer {
        const struct composer_events *events;
        void *userdata;
        GtkTextView *view;
        GtkTextBuffer *buffer;
        GtkWidget *placeholder;
        GtkWidget *send;
        GtkWidget *context;
        GtkImage *context_icon;
        GtkLabel *context_title, *context_text;
        GtkLabel *limit;
        GtkBox *above;
        bool attached;  /* files go with it */
        bool composing; /* an input method has a character half-made: Enter is its key now */
        bool silent;    /* the text is being set from here */
};

char *composer_text(struct composer *c)
{
        GtkTextIter start, end;

        gtk_text_buffer_get_bounds(c->buffer, &start, &end);
        return gtk_text_buffer_get_text(c->buffer, &start, &end, false);
}

static void say_limit(struct composer *c, size_t size)
{
        g_autofree char *text =
                size > TEXT_SIZE_MAX
                        ? g_strdup_printf("%zu bytes too long: send it in parts, or as a file", size - TEXT_SIZE_MAX)
                        : g_strdup_printf("%zu bytes left", TEXT_SIZE_MAX - size);

        gtk_label_set_text(c->limit, text);
        gtk_widget_set_visible(GTK_WIDGET(c->limit), size > SAID_FROM);
}

static void look(struct composer *c, const char *text)
{
        g_autofree char *stripped = g_strstrip(g_strdup(text));

        gtk_widget_set_visible(c->placeholder, gtk_text_buffer_get_char_count(c->buffer) == 0);
        gtk_widget_set_sensitive(c->send, (*stripped || c->attached) && strlen(stripped) <= TEXT_SIZE_MAX);
        say_limit(c, strlen(stripped));
}

static void on_changed(struct composer *c)
{
        g_autofree char *text = composer_text(c);

        look(c, text);
        if (!c->silent)
                c->events->typed(text, c->userdata);
}

static void on_send(struct composer *c)
{
        g_autofree char *text = g_strchomp(composer_text(c));

        if (gtk_widget_is_sensitive(c->send) && c->events->send(text, c->userdata))
                composer_clear(c);
        composer_focus(c);
}

static void on_let_go(struct composer *c)
{
        composer_set_context(c, NULL, NULL, NULL);
        c->events->let_go(c->userdata);
        composer_focus(c);
}

static void on_attach(struct composer *c)
{
        c->events->attach(c->userdata);
}

static bool is_empty(const struct composer *c)
{
        return gtk_text_buffer_get_char_count(c->buffer) == 0;
}

static gboolean on_key(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
                       gpointer userdata)
{
        struct composer *c = userdata;
        bool enter = key == GDK_KEY_Return || key == GDK_KEY_KP_Enter || key == GDK_KEY_ISO_Enter;

        if (c->composing || (state & (GDK_SHIFT_MASK | GDK_CONTROL_MASK | GDK_ALT_MASK)))
                return GDK_EVENT_PROPAGATE;
        if (enter)
                on_send(c);
        else if (key == GDK_KEY_Up && is_empty(c))
                c->events->edit_last(c->userdata);
        else
                return GDK_EVENT_PROPAGATE;
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
        c->context = part(builder, "context");
        c->context_icon = GTK_IMAGE(part(builder, "context_icon"));
        c->context_title = GTK_LABEL(part(builder, "context_title"));
        c->context_text = GTK_LABEL(part(builder, "context_text"));
        c->limit = GTK_LABEL(part(builder, "limit"));
        c->above = GTK_BOX(part(builder, "above"));
        /* Before the text view's own, which would break the line. */
        gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
        g_signal_connect(keys, "key-pressed", G_CALLBACK(on_key), c);
        gtk_widget_add_controller(GTK_WIDGET(c->view), keys);
        g_signal_connect(c->view, "preedit-changed", G_CALLBACK(on_preedit), c);
        g_signal_connect_swapped(c->buffer, "changed", G_CALLBACK(on_changed), c);
        g_signal_connect_swapped(c->send, "clicked", G_CALLBACK(on_send), c);
        g_signal_connect_swapped(part(builder, "attach"), "clicked", G_CALLBACK(on_attach), c);
        g_signal_connect_swapped(part(builder, "let_go"), "clicked", G_CALLBACK(on_let_go), c);
        g_object_set_data_full(G_OBJECT(root), "composer", c, g_free);
        gtk_box_append(parent, root);
        look(c, "");
        return c;
}

void composer_set_context(struct composer *c, const char *icon, const char *title, const char *text)
{
        gtk_widget_set_visible(c->context, title != NULL);
        if (!title)
                return;
        gtk_image_set_from_icon_name(c->context_icon, icon);
        gtk_label_set_text(c->context_title, title);
        gtk_label_set_text(c->context_text, text);
}

void composer_set_attached(struct composer *c, bool attached)
{
        g_autofree char *text = composer_text(c);

        c->attached = attached;
        look(c, text);
}

void composer_set_text(struct composer *c, const char *text)
{
        c->silent = true;
        gtk_text_buffer_begin_irreversible_action(c->buffer);
        gtk_text_buffer_set_text(c->buffer, text, -1);
        gtk_text_buffer_end_irreversible_action(c->buffer);
        c->silent = false;
}

void composer_restore(struct composer *c, const char *text)
{
        if (is_empty(c))
                composer_set_text(c, text);
}

GtkTextView *composer_view(struct composer *c)
{
        return c->view;
}

void composer_clear(struct composer *c)
{
        composer_set_text(c, "");
}

void composer_focus(struct composer *c)
{
        gtk_widget_grab_focus(GTK_WIDGET(c->view));
}

GtkBox *composer_attached(struct composer *c)
{
        return c->above;
}
