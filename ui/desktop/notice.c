/* Something that went wrong, said in words. */
#include "ui/desktop/notice.h"

#include <stdlib.h>

#include "services/cleanup.h"
#include "ui/client/client.h"

struct notice {
        GtkRevealer *revealer;
        GtkImage *icon;
        GtkLabel *title;
        GtkLabel *text;
};

static GtkLabel *label(GtkBox *box, const char *class)
{
        GtkWidget *l = gtk_label_new(NULL);

        gtk_label_set_wrap(GTK_LABEL(l), true);
        gtk_label_set_wrap_mode(GTK_LABEL(l), PANGO_WRAP_WORD_CHAR);
        gtk_label_set_xalign(GTK_LABEL(l), 0);
        gtk_widget_add_css_class(l, class);
        gtk_box_append(box, l);
        return GTK_LABEL(l);
}

struct notice *notice_new(GtkBox *parent)
{
        struct notice *n = g_new0(struct notice, 1);
        GtkWidget *card = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
        GtkWidget *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 3);

        n->revealer = GTK_REVEALER(gtk_revealer_new());
        n->icon = GTK_IMAGE(gtk_image_new());
        n->title = label(GTK_BOX(words), "heading");
        n->text = label(GTK_BOX(words), "body");
        gtk_widget_set_valign(GTK_WIDGET(n->icon), GTK_ALIGN_START);
        gtk_widget_set_hexpand(words, true);
        gtk_widget_add_css_class(card, "notice");
        gtk_box_append(GTK_BOX(card), GTK_WIDGET(n->icon));
        gtk_box_append(GTK_BOX(card), words);
        gtk_revealer_set_child(n->revealer, card);
        gtk_widget_set_visible(GTK_WIDGET(n->revealer), false);
        g_object_set_data_full(G_OBJECT(n->revealer), "notice", n, g_free);
        gtk_box_append(parent, GTK_WIDGET(n->revealer));
        return n;
}

void notice_show(struct notice *n, const char *icon, const char *title, const char *text)
{
        gtk_image_set_from_icon_name(n->icon, icon);
        gtk_label_set_text(n->title, title);
        gtk_label_set_text(n->text, text);
        gtk_widget_set_visible(GTK_WIDGET(n->revealer), true);
        gtk_revealer_set_reveal_child(n->revealer, true);
}

void notice_hide(struct notice *n)
{
        gtk_revealer_set_reveal_child(n->revealer, false);
        gtk_widget_set_visible(GTK_WIDGET(n->revealer), false);
}

void notice_show_error(struct notice *n, const sd_bus_error *error)
{
        static const struct {
                const char *name, *icon, *title;
        } known[] = {
                { CLIENT_ERROR_FACE, "avatar-default-symbolic", "Your face was not accepted" },
                { CLIENT_ERROR_CANCELLED, "dialog-information-symbolic", "Cancelled" },
                { ERROR_WRONG_FACTOR, "dialog-password-symbolic", "Wrong PIN" },
                { ERROR_THROTTLED, "alarm-symbolic", "Too many attempts" },
                { ERROR_CAMERA, "camera-web-symbolic", "The camera cannot be used" },
                { ERROR_BUSY, "camera-web-symbolic", "Busy at the moment" },
                { ERROR_HUB, "network-error-symbolic", "The hub did not help" },
                { ERROR_EXISTS, "avatar-default-symbolic", "This name is taken" },
                { ERROR_NOT_FOUND, "avatar-default-symbolic", "Nobody was found" },
                { ERROR_TICKET, "alarm-symbolic", "That took too long" },
                { ERROR_LOCKED, "system-lock-screen-symbolic", "The account is locked" },
                { ERROR_KEY_MISMATCH, "dialog-warning-symbolic", "That is another key" },
                { ERROR_STORAGE, "drive-harddisk-symbolic", "It could not be stored" },
                { ERROR_ACCESS_DENIED, "dialog-warning-symbolic", "That is not allowed" },
                { ERROR_INVALID_ARGUMENT, "dialog-warning-symbolic", "That was not accepted" },
        };
        const char *icon = "dialog-warning-symbolic", *title = "Something went wrong";

        for (unsigned i = 0; i < COUNT_OF(known); i++)
                if (sd_bus_error_has_name(error, known[i].name)) {
                        icon = known[i].icon;
                        title = known[i].title;
                }
        if (client_error_unreachable(error))
                title = "A part of Visavis is missing";
        notice_show(n, icon, title, client_error_text(error));
}
