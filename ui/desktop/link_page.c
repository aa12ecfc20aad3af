/* One's own contact link. */
#include "ui/desktop/link_page.h"

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/qr_view.h"
#include "ui/desktop/rows.h"

struct link_page {
        struct sheet *sheet;
        struct calls calls;
        GtkWidget *code, *copy;
        GtkLabel *text;
};

static void on_link(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct link_page *p = userdata;
        const char *link;

        if (!error && sd_bus_message_read(reply, "s", &link) < 0)
                error = &calls_malformed;
        if (error) {
                sheet_show_error(p->sheet, error);
                return;
        }
        qr_view_set(p->code, link);
        gtk_label_set_text(p->text, link);
        gtk_widget_set_sensitive(p->copy, true);
}

static void on_copy(struct link_page *p)
{
        gdk_clipboard_set_text(gtk_widget_get_clipboard(p->copy), gtk_label_get_text(p->text));
        sheet_toast(p->sheet, "The link is in the clipboard.");
}

static void release(gpointer userdata)
{
        struct link_page *p = userdata;

        calls_cancel(&p->calls);
        g_free(p);
}

static void add_parts(struct link_page *p, AdwPreferencesPage *page)
{
        AdwPreferencesGroup *group =
                row_group(page, "",
                          "Whoever scans this from your screen knows that it is you. Sent as text, it is as "
                          "good as the way by which it goes. Nothing of it is secret.");
        GtkWidget *text = gtk_label_new("");

        p->code = qr_view_new("Code of your contact link, to be scanned from this screen");
        p->text = GTK_LABEL(text);
        gtk_label_set_selectable(p->text, true);
        gtk_label_set_wrap(p->text, true);
        gtk_label_set_wrap_mode(p->text, PANGO_WRAP_CHAR);
        gtk_widget_set_margin_top(text, 12);
        gtk_widget_add_css_class(text, "caption");
        p->copy = gtk_button_new_with_label("Copy the Link");
        gtk_widget_set_halign(p->copy, GTK_ALIGN_CENTER);
        gtk_widget_set_margin_top(p->copy, 12);
        gtk_widget_set_sensitive(p->copy, false);
        gtk_widget_add_css_class(p->copy, "pill");
        adw_preferences_group_add(group, p->code);
        adw_preferences_group_add(group, text);
        adw_preferences_group_add(group, p->copy);
        g_signal_connect_swapped(p->copy, "clicked", G_CALLBACK(on_copy), p);
}

void link_page_push(struct sheet *s, struct account *a)
{
        struct link_page *p = g_new0(struct link_page, 1);
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());

        p->sheet = s;
        g_object_set_data_full(G_OBJECT(page), "link-page", p, release);
        add_parts(p, page);
        sheet_push(s, "My Contact Link", GTK_WIDGET(page));
        (void) calls_method(&p->calls, account_bus(a), account_owner(a), account_path(a), CRYPTO_CONTACTS, "Link",
                            on_link, p, "");
}
