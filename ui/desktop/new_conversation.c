/* The dialog that asks whom to talk to. */
#include "ui/desktop/new_conversation.h"

#include <string.h>

#include "services/address.h"
#include "ui/client/calls.h"
#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"

struct dialog {
        GtkWindow *window;
        GtkWidget *entry;
        GtkLabel *verdict;
        GtkWidget *start;
        GtkWidget *spinner;
        struct notice *notice;
        struct account *account;
        struct calls calls;
        new_conversation_opened opened;
        void *userdata;
        char address[ADDRESS_TEXT_MAX]; /* "" unless the entry holds one */
};

/* A name alone means somebody on one's own hub. */
static char *complete(const struct dialog *d, const char *text)
{
        const char *hub = strchr(account_address(d->account), '@');

        return strchr(text, '@') || !hub ? g_strdup(text) : g_strconcat(text, hub, NULL);
}

static void on_changed(struct dialog *d)
{
        g_autofree char *text = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(d->entry))));
        g_autofree char *whole = complete(d, text), *shown = NULL;
        const char *reason = "";
        struct address a;

        notice_hide(d->notice);
        d->address[0] = '\0';
        gtk_widget_remove_css_class(GTK_WIDGET(d->verdict), "error");
        if (!*text) {
                gtk_label_set_text(d->verdict, "A name on your own hub is enough.");
        } else if (address_parse(whole, &a, &reason) < 0) {
                gtk_widget_add_css_class(GTK_WIDGET(d->verdict), "error");
                gtk_label_set_text(d->verdict, reason);
        } else {
                address_format(&a, true, d->address);
                shown = g_strndup(d->address, strcspn(d->address, "#"));
                gtk_label_set_text(d->verdict, shown);
        }
        gtk_widget_set_sensitive(d->start, *d->address != '\0');
}

static void set_busy(struct dialog *d, bool busy)
{
        gtk_widget_set_visible(d->spinner, busy);
        gtk_widget_set_sensitive(d->entry, !busy);
        gtk_widget_set_sensitive(d->start, !busy);
}

static void on_opened(const char *id, const sd_bus_error *error, void *userdata)
{
        struct dialog *d = userdata;

        if (error) {
                set_busy(d, false);
                notice_show_error(d->notice, error);
                gtk_widget_grab_focus(d->entry);
                return;
        }
        g_autofree char *copy = g_strdup(id), *address = g_strdup(d->address);
        new_conversation_opened opened = d->opened;
        void *receiver = d->userdata;
        gtk_window_destroy(d->window);
        opened(copy, address, receiver);
}

static void on_start(struct dialog *d)
{
        if (!*d->address || !gtk_widget_is_sensitive(d->start))
                return;
        notice_hide(d->notice);
        if (account_open_conversation(d->account, &d->calls, d->address, on_opened, d) >= 0)
                set_busy(d, true);
}

static void release(gpointer userdata)
{
        struct dialog *d = userdata;

        calls_cancel(&d->calls);
        g_free(d);
}

GtkWindow *new_conversation(GtkWindow *parent, struct account *a, new_conversation_opened opened, void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "new-conversation.ui");
        struct dialog *d = g_new0(struct dialog, 1);

        *d = (struct dialog){ .account = a, .opened = opened, .userdata = userdata };
        d->window = GTK_WINDOW(part(builder, "window"));
        d->entry = part(builder, "address");
        d->verdict = GTK_LABEL(part(builder, "verdict"));
        d->start = part(builder, "start");
        d->spinner = part(builder, "spinner");
        d->notice = notice_new(GTK_BOX(part(builder, "notice")));
        g_signal_connect_swapped(d->entry, "changed", G_CALLBACK(on_changed), d);
        g_signal_connect_swapped(d->entry, "entry-activated", G_CALLBACK(on_start), d);
        g_signal_connect_swapped(d->start, "clicked", G_CALLBACK(on_start), d);
        g_signal_connect_swapped(part(builder, "cancel"), "clicked", G_CALLBACK(gtk_window_close), d->window);
        g_object_set_data_full(G_OBJECT(d->window), "new-conversation", d, release);
        gtk_window_set_transient_for(d->window, parent);
        on_changed(d);
        gtk_window_present(d->window);
        gtk_widget_grab_focus(d->entry);
        return d->window;
}
