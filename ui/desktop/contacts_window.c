/* Whom an account knows. */
#include "ui/desktop/contacts_window.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/contacts.h"
#include "ui/desktop/add_contact_page.h"
#include "ui/desktop/contact_page.h"
#include "ui/desktop/link_page.h"
#include "ui/desktop/rows.h"
#include "ui/desktop/sheet.h"
#include "ui/desktop/trust_mark.h"

struct contacts_window {
        const struct contacts_window_events *events;
        void *userdata;
        struct account *account;
        struct calls calls;
        struct sheet *sheet;
        AdwPreferencesGroup *request_group, *contact_group, *met_group, *blocked_group;
        struct row_list *requests, *contacts, *met, *blocked;
};

static void refresh(void *userdata);

static void on_done(const sd_bus_error *error, void *userdata)
{
        struct contacts_window *w = userdata;

        if (error)
                sheet_show_error(w->sheet, error);
        else
                refresh(w);
}

static void call(struct contacts_window *w, const char *member, const char *types, const char *argument, int flag)
{
        sheet_hide(w->sheet);
        (void) account_call(w->account, &w->calls, CRYPTO_CONTACTS, member, on_done, w, types, argument, flag);
}

/* Requests. */

static void on_accept(struct contacts_window *w, GtkWidget *button)
{
        call(w, "Accept", "s", row_subject(button), 0);
}

static void on_decline(struct contacts_window *w, GtkWidget *button)
{
        call(w, "Decline", "s", row_subject(button), 0);
}

static void on_block(struct contacts_window *w, GtkWidget *button)
{
        call(w, "SetBlocked", "sb", row_subject(button), 1);
}

static void on_unblock(struct contacts_window *w, GtkWidget *button)
{
        call(w, "SetBlocked", "sb", row_subject(button), 0);
}

static void add_button(struct contacts_window *w, GtkWidget *row, const char *label, const char *icon,
                       const char *class, const char *subject, void (*act)(struct contacts_window *, GtkWidget *))
{
        GtkWidget *button = row_button(row, label, icon, class);

        row_set_subject(button, subject);
        g_signal_connect_swapped(button, "clicked", G_CALLBACK(act), w);
}

static void add_request(struct contacts_window *w, const char *conversation, const char *kind, const char *who)
{
        bool person = strcmp(kind, "person") == 0;
        g_autofree char *name = person_name(who, NULL), *address = g_strndup(who, strcspn(who, "#"));
        GtkWidget *row = row_person(name, person ? address : "A group into which somebody has put you");

        if (person)
                add_button(w, row, "Block", "action-unavailable-symbolic", "flat", who, on_block);
        add_button(w, row, "Decline", "window-close-symbolic", "flat", conversation, on_decline);
        add_button(w, row, "Accept", NULL, "suggested-action", conversation, on_accept);
        row_list_add(w->requests, row);
}

static void on_requests(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct contacts_window *w = userdata;
        const char *conversation, *kind, *who;
        bool any = false;
        int r = error ? -1 : sd_bus_message_enter_container(reply, 'a', "(sss)");

        row_list_clear(w->requests);
        for (; r >= 0 && (r = sd_bus_message_read(reply, "(sss)", &conversation, &kind, &who)) > 0; any = true)
                add_request(w, conversation, kind, who);
        gtk_widget_set_visible(GTK_WIDGET(w->request_group), any);
}

/* Contacts. */

static void on_opened(const char *id, const char *address, enum trust safety, void *userdata)
{
        struct contacts_window *w = userdata;
        struct sheet *sheet = w->sheet;

        w->events->opened(id, address, safety, w->userdata);
        sheet_close(sheet); /* and with it what we are */
}

static const struct contact_page_events page_events = { .changed = refresh, .opened = on_opened };

static void on_contact(struct contacts_window *w, GtkWidget *row)
{
        contact_page_push(w->sheet, w->account, row_subject(row), &page_events, w);
}

static void add_contact(struct contacts_window *w, const struct contact *c)
{
        g_autofree char *name = person_name(c->address, c->nickname);
        GtkWidget *row = row_person(name, c->address), *mark = gtk_image_new();

        row_set_subject(row, c->address);
        if (c->blocked) {
                add_button(w, row, "Unblock", NULL, NULL, c->address, on_unblock);
                row_list_add(w->blocked, row);
                return;
        }
        trust_mark_set(GTK_IMAGE(mark), c->changed ? TRUST_CHANGED : c->verified ? TRUST_VERIFIED : TRUST_KNOWN);
        adw_action_row_add_suffix(ADW_ACTION_ROW(row), mark);
        adw_action_row_add_suffix(ADW_ACTION_ROW(row), gtk_image_new_from_icon_name("go-next-symbolic"));
        gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), true);
        g_signal_connect_swapped(row, "activated", G_CALLBACK(on_contact), w);
        row_list_add(c->contact ? w->contacts : w->met, row);
}

static void on_contacts(const struct contact *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct contacts_window *w = userdata;
        size_t blocked = 0, met = 0;

        if (error) {
                sheet_show_error(w->sheet, error);
                return;
        }
        row_list_clear(w->contacts);
        row_list_clear(w->met);
        row_list_clear(w->blocked);
        for (size_t i = 0; i < n; i++) {
                add_contact(w, &list[i]);
                blocked += list[i].blocked;
                met += !list[i].blocked && !list[i].contact;
        }
        adw_preferences_group_set_description(
                w->contact_group,
                n == blocked + met ? "Nobody yet. Add somebody by their address or their link." : NULL);
        gtk_widget_set_visible(GTK_WIDGET(w->met_group), met > 0);
        gtk_widget_set_visible(GTK_WIDGET(w->blocked_group), blocked > 0);
}

static void refresh(void *userdata)
{
        struct contacts_window *w = userdata;

        calls_cancel(&w->calls);
        (void) calls_method(&w->calls, account_bus(w->account), account_owner(w->account), account_path(w->account),
                            CRYPTO_CONTACTS, "Requests", on_requests, w, "");
        (void) contacts_list(w->account, &w->calls, on_contacts, w);
}

/* Ways to add somebody. */

static void on_add(struct contacts_window *w)
{
        add_contact_page_push(w->sheet, w->account, refresh, w);
}

static void on_link(struct contacts_window *w)
{
        link_page_push(w->sheet, w->account);
}

static void add_ways(struct contacts_window *w, AdwPreferencesPage *page)
{
        AdwPreferencesGroup *group = row_group(page, "", NULL);
        GtkWidget *add = row_link("Add a Contact", "By their address, or by their link");
        GtkWidget *link = row_link("My Contact Link", "A link and a code by which others add you");

        adw_preferences_group_add(group, add);
        adw_preferences_group_add(group, link);
        g_signal_connect_swapped(add, "activated", G_CALLBACK(on_add), w);
        g_signal_connect_swapped(link, "activated", G_CALLBACK(on_link), w);
}

static void release(gpointer userdata)
{
        struct contacts_window *w = userdata;

        calls_cancel(&w->calls);
        g_free(w);
}

void contacts_window_open(GtkWindow *parent, struct account *a, const char *address,
                          const struct contacts_window_events *events, void *userdata)
{
        struct contacts_window *w = g_new0(struct contacts_window, 1);
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());

        *w = (struct contacts_window){ .events = events, .userdata = userdata, .account = a };
        g_object_set_data_full(G_OBJECT(page), "contacts-window", w, release);
        w->request_group = row_group(page, "Requests",
                                     "They do not know whether you have seen this. To answer accepts a request.");
        add_ways(w, page);
        w->contact_group = row_group(page, "Contacts", NULL);
        w->met_group = row_group(page, "Met in Groups", NULL);
        w->blocked_group = row_group(page, "Blocked", "Nothing of theirs is shown, and they are not told.");
        w->requests = row_list_new(w->request_group);
        w->contacts = row_list_new(w->contact_group);
        w->met = row_list_new(w->met_group);
        w->blocked = row_list_new(w->blocked_group);
        gtk_widget_set_visible(GTK_WIDGET(w->request_group), false);
        gtk_widget_set_visible(GTK_WIDGET(w->met_group), false);
        gtk_widget_set_visible(GTK_WIDGET(w->blocked_group), false);
        w->sheet = sheet_new(parent, "Contacts", GTK_WIDGET(page));
        refresh(w);
        if (address)
                contact_page_push(w->sheet, a, address, &page_events, w);
}
