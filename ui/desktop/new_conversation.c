/* The page that asks whom to talk to. */
#include "ui/desktop/new_conversation.h"

#include <string.h>

#include "services/address.h"
#include "ui/client/calls.h"
#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"

struct new_conversation {
        const struct new_conversation_events *events;
        void *userdata;
        GtkWidget *entry;
        GtkLabel *verdict;
        GtkWidget *start;
        GtkWidget *spinner;
        struct notice *notice;
        struct account *account; /* NULL: nobody is asked */
        struct calls calls;
        char address[ADDRESS_TEXT_MAX]; /* "" unless the entry holds one */
};

/* A name alone means somebody on one's own hub. */
static char *complete(const struct new_conversation *n, const char *text)
{
        const char *hub = strchr(account_address(n->account), '@');

        return strchr(text, '@') || !hub ? g_strdup(text) : g_strconcat(text, hub, NULL);
}

static void judge(struct new_conversation *n)
{
        g_autofree char *text = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(n->entry))));
        g_autofree char *whole = complete(n, text), *shown = NULL;
        const char *reason = "";
        struct address a;

        n->address[0] = '\0';
        gtk_widget_remove_css_class(GTK_WIDGET(n->verdict), "error");
        if (!*text) {
                gtk_label_set_text(n->verdict, "A name on your own hub is enough.");
        } else if (address_parse(whole, &a, &reason) < 0) {
                gtk_widget_add_css_class(GTK_WIDGET(n->verdict), "error");
                gtk_label_set_text(n->verdict, reason);
        } else {
                address_format(&a, true, n->address);
                shown = g_strndup(n->address, strcspn(n->address, "#"));
                gtk_label_set_text(n->verdict, shown);
        }
        gtk_widget_set_sensitive(n->start, *n->address != '\0');
}

static void on_changed(struct new_conversation *n)
{
        notice_hide(n->notice);
        if (n->account)
                judge(n);
}

static void set_busy(struct new_conversation *n, bool busy)
{
        gtk_widget_set_visible(n->spinner, busy);
        gtk_widget_set_sensitive(n->entry, !busy);
        gtk_widget_set_sensitive(n->start, !busy);
}

static void on_opened(const char *id, const sd_bus_error *error, void *userdata)
{
        struct new_conversation *n = userdata;

        set_busy(n, false);
        if (error) {
                notice_show_error(n->notice, error);
                gtk_widget_grab_focus(n->entry);
                return;
        }
        n->events->opened(id, n->address, n->userdata);
}

static void on_start(struct new_conversation *n)
{
        if (!n->account || !*n->address || !gtk_widget_is_sensitive(n->start))
                return;
        notice_hide(n->notice);
        if (account_open_conversation(n->account, &n->calls, n->address, on_opened, n) >= 0)
                set_busy(n, true);
}

static void on_cancel(struct new_conversation *n)
{
        n->events->cancelled(n->userdata);
}

static void release(gpointer userdata)
{
        struct new_conversation *n = userdata;

        calls_cancel(&n->calls);
        g_free(n);
}

struct new_conversation *new_conversation_new(GtkStack *parent, const char *name,
                                              const struct new_conversation_events *events, void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "new-conversation.ui");
        struct new_conversation *n = g_new0(struct new_conversation, 1);
        GtkWidget *root = part(builder, "root");

        n->events = events;
        n->userdata = userdata;
        n->entry = part(builder, "address");
        n->verdict = GTK_LABEL(part(builder, "verdict"));
        n->start = part(builder, "start");
        n->spinner = part(builder, "spinner");
        n->notice = notice_new(GTK_BOX(part(builder, "notice")));
        g_signal_connect_swapped(n->entry, "changed", G_CALLBACK(on_changed), n);
        g_signal_connect_swapped(n->entry, "entry-activated", G_CALLBACK(on_start), n);
        g_signal_connect_swapped(n->start, "clicked", G_CALLBACK(on_start), n);
        g_signal_connect_swapped(part(builder, "cancel"), "clicked", G_CALLBACK(on_cancel), n);
        g_object_set_data_full(G_OBJECT(root), "new-conversation", n, release);
        gtk_stack_add_named(parent, root, name);
        return n;
}

void new_conversation_start(struct new_conversation *n, struct account *a)
{
        new_conversation_stop(n);
        n->account = a;
        judge(n);
        gtk_widget_grab_focus(n->entry);
}

void new_conversation_stop(struct new_conversation *n)
{
        calls_cancel(&n->calls);
        n->account = NULL;
        set_busy(n, false);
        gtk_editable_set_text(GTK_EDITABLE(n->entry), "");
        notice_hide(n->notice);
}
