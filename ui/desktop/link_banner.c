/* A bar that is there while the hub is not. */
#include "ui/desktop/link_banner.h"

#include "ui/client/hub_link.h"
#include "ui/desktop/parts.h"

/* A link that is made anew at once is nobody's business. */
enum { PATIENCE_MSEC = 1500 };

struct link_banner {
        GtkRevealer *revealer;
        GtkImage *icon;
        GtkLabel *text;
        GtkWidget *try;
        struct hub_link *link;
        guint patience; /* the timer that shows it */
};

static gboolean on_patience(gpointer userdata)
{
        struct link_banner *b = userdata;

        b->patience = 0;
        gtk_widget_set_visible(GTK_WIDGET(b->revealer), true);
        gtk_revealer_set_reveal_child(b->revealer, true);
        return G_SOURCE_REMOVE;
}

static void hide(struct link_banner *b)
{
        g_clear_handle_id(&b->patience, g_source_remove);
        gtk_revealer_set_reveal_child(b->revealer, false);
        gtk_widget_set_visible(GTK_WIDGET(b->revealer), false);
}

static char *outbox_words(uint32_t outbox)
{
        if (outbox == 0)
                return g_strdup("What you write is sent when it is back.");
        return outbox == 1 ? g_strdup("One message waits to be sent.")
                           : g_strdup_printf("%u messages wait to be sent.", outbox);
}

static void on_changed(struct hub_link *l, const struct hub_link_view *v, void *userdata)
{
        struct link_banner *b = userdata;
        g_autofree char *outbox = outbox_words(v->outbox);
        g_autofree char *text = g_strdup_printf("%s %s",
                                                v->state == HUB_LINK_DISABLED     ? "You are offline, as you wished."
                                                : v->state == HUB_LINK_CONNECTING ? "Connecting to the hub …"
                                                                                  : "The hub cannot be reached.",
                                                outbox);

        gtk_label_set_text(b->text, text);
        gtk_widget_set_tooltip_text(GTK_WIDGET(b->text), *v->last_error ? v->last_error : NULL);
        gtk_button_set_label(GTK_BUTTON(b->try), v->state == HUB_LINK_DISABLED ? "Go Online" : "Try Now");
        gtk_widget_set_visible(b->try, v->state != HUB_LINK_CONNECTING);
        if (v->state == HUB_LINK_ONLINE)
                hide(b);
        else if (!b->patience && !gtk_revealer_get_reveal_child(b->revealer))
                b->patience = g_timeout_add(PATIENCE_MSEC, on_patience, b);
}

static const struct hub_link_events link_events = { .changed = on_changed };

static void on_try(struct link_banner *b)
{
        if (b->link)
                hub_link_try(b->link);
}

static void release(gpointer userdata)
{
        struct link_banner *b = userdata;

        hub_link_free(b->link);
        g_clear_handle_id(&b->patience, g_source_remove);
        g_free(b);
}

struct link_banner *link_banner_new(GtkBox *parent)
{
        struct link_banner *b = g_new0(struct link_banner, 1);
        GtkWidget *bar = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);

        b->revealer = GTK_REVEALER(gtk_revealer_new());
        b->icon = GTK_IMAGE(gtk_image_new_from_icon_name("network-offline-symbolic"));
        b->text = GTK_LABEL(gtk_label_new(NULL));
        b->try = gtk_button_new_with_label("Try Now");
        gtk_label_set_wrap(b->text, true);
        gtk_label_set_xalign(b->text, 0);
        gtk_widget_set_hexpand(GTK_WIDGET(b->text), true);
        gtk_widget_set_valign(b->try, GTK_ALIGN_CENTER);
        gtk_widget_add_css_class(bar, "link-banner");
        gtk_box_append(GTK_BOX(bar), GTK_WIDGET(b->icon));
        gtk_box_append(GTK_BOX(bar), GTK_WIDGET(b->text));
        gtk_box_append(GTK_BOX(bar), b->try);
        gtk_revealer_set_transition_type(b->revealer, GTK_REVEALER_TRANSITION_TYPE_SLIDE_UP);
        gtk_revealer_set_child(b->revealer, bar);
        g_signal_connect_swapped(b->try, "clicked", G_CALLBACK(on_try), b);
        gtk_box_append(parent, GTK_WIDGET(b->revealer));
        hide(b);
        g_object_set_data_full(G_OBJECT(b->revealer), "link-banner", b, release);
        return b;
}

void link_banner_follow(struct link_banner *b, sd_bus *bus, const char *account)
{
        link_banner_stop(b);
        (void) hub_link_open(bus, account, &link_events, b, &b->link);
}

void link_banner_stop(struct link_banner *b)
{
        b->link = hub_link_free(b->link);
        hide(b);
}
