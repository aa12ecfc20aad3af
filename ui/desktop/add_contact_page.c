/* Somebody becomes a contact. */
#include "ui/desktop/add_contact_page.h"

#include "services/address.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/rows.h"
#include "ui/desktop/whom.h"

struct add_contact_page {
        void (*added)(void *userdata);
        void *userdata;
        struct sheet *sheet;
        struct account *account;
        struct calls calls;
        GtkWidget *entry, *in_person, *in_person_row, *add;
        GtkLabel *verdict;
        char *who; /* NULL: nothing that could be meant is there yet */
};

static const char *judge(struct add_contact_page *p, const char *text)
{
        g_autofree char *whole = whom_complete(p->account, text);
        const char *reason = "";
        struct address a;

        if (!*text)
                return "A name on your own hub is enough.";
        if (!whom_is_link(text) && address_parse(whole, &a, &reason) < 0)
                return reason;
        p->who = g_steal_pointer(&whole);
        return whom_is_link(text) ? "The link says what their key must be." : "";
}

static void on_changed(struct add_contact_page *p)
{
        g_autofree char *text = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(p->entry))));

        sheet_hide(p->sheet);
        g_clear_pointer(&p->who, g_free);
        gtk_label_set_text(p->verdict, judge(p, text));
        gtk_widget_set_visible(p->in_person_row, whom_is_link(text));
        gtk_widget_set_sensitive(p->add, p->who != NULL);
}

static void on_added(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct add_contact_page *p = userdata;

        if (error) {
                sheet_show_error(p->sheet, error);
                gtk_widget_set_sensitive(p->add, true);
                return;
        }
        p->added(p->userdata);
        sheet_toast(p->sheet, "Added to your contacts.");
        sheet_pop(p->sheet); /* and with it what we are */
}

static void on_add(struct add_contact_page *p)
{
        bool in_person = whom_is_link(p->who) && gtk_switch_get_active(GTK_SWITCH(p->in_person));

        sheet_hide(p->sheet);
        if (calls_method(&p->calls, account_bus(p->account), account_owner(p->account), account_path(p->account),
                         CRYPTO_CONTACTS, "Add", on_added, p, "sb", p->who, (int) in_person) >= 0)
                gtk_widget_set_sensitive(p->add, false);
}

static void on_enter(struct add_contact_page *p)
{
        if (gtk_widget_is_sensitive(p->add))
                on_add(p);
}

static void release(gpointer userdata)
{
        struct add_contact_page *p = userdata;

        calls_cancel(&p->calls);
        g_free(p->who);
        g_free(p);
}

static void add_rows(struct add_contact_page *p, AdwPreferencesPage *page)
{
        AdwPreferencesGroup *group = row_group(page, "", NULL), *end = row_group(page, "", NULL);
        GtkWidget *verdict = gtk_label_new("");

        p->entry = adw_entry_row_new();
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(p->entry), "Address or link");
        p->in_person_row =
                row_new("From Their Own Screen",
                        "You have seen them show it. That verifies their key; a link that was sent does not.");
        p->in_person = gtk_switch_new();
        gtk_widget_set_valign(p->in_person, GTK_ALIGN_CENTER);
        adw_action_row_add_suffix(ADW_ACTION_ROW(p->in_person_row), p->in_person);
        adw_action_row_set_activatable_widget(ADW_ACTION_ROW(p->in_person_row), p->in_person);
        adw_preferences_group_add(group, p->entry);
        adw_preferences_group_add(group, p->in_person_row);
        p->verdict = GTK_LABEL(verdict);
        gtk_label_set_wrap(p->verdict, true);
        gtk_label_set_justify(p->verdict, GTK_JUSTIFY_CENTER);
        gtk_widget_add_css_class(verdict, "caption");
        p->add = gtk_button_new_with_label("Add");
        gtk_widget_set_halign(p->add, GTK_ALIGN_CENTER);
        gtk_widget_set_margin_top(p->add, 12);
        gtk_widget_add_css_class(p->add, "pill");
        gtk_widget_add_css_class(p->add, "suggested-action");
        adw_preferences_group_add(end, verdict);
        adw_preferences_group_add(end, p->add);
}

void add_contact_page_push(struct sheet *s, struct account *a, void (*added)(void *userdata), void *userdata)
{
        struct add_contact_page *p = g_new0(struct add_contact_page, 1);
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());

        *p = (struct add_contact_page){ .added = added, .userdata = userdata, .sheet = s, .account = a };
        g_object_set_data_full(G_OBJECT(page), "add-contact-page", p, release);
        add_rows(p, page);
        g_signal_connect_swapped(p->entry, "changed", G_CALLBACK(on_changed), p);
        g_signal_connect_swapped(p->entry, "entry-activated", G_CALLBACK(on_enter), p);
        g_signal_connect_swapped(p->add, "clicked", G_CALLBACK(on_add), p);
        on_changed(p);
        sheet_push(s, "Add a Contact", GTK_WIDGET(page));
}
