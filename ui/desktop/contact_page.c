/* One contact. */
#include "ui/desktop/contact_page.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/contacts.h"
#include "ui/desktop/question.h"
#include "ui/desktop/rows.h"

struct contact_page {
        const struct contact_page_events *events;
        void *userdata;
        struct sheet *sheet;
        struct account *account;
        struct calls calls;
        char *address, *name;
        GtkWidget *nickname, *safety;
        enum trust trust;
        bool wants_safety; /* what the conversation is opened for */
};

/* Words, and the safety number. */

static void on_opened(const char *id, const sd_bus_error *error, void *userdata)
{
        struct contact_page *p = userdata;

        if (error)
                sheet_show_error(p->sheet, error);
        else
                p->events->opened(id, p->address, p->wants_safety ? p->trust : TRUST_NONE, p->userdata);
}

static void open_conversation(struct contact_page *p, bool safety)
{
        p->wants_safety = safety;
        sheet_hide(p->sheet);
        (void) account_open_conversation(p->account, &p->calls, p->address, on_opened, p);
}

static void on_message(struct contact_page *p)
{
        open_conversation(p, false);
}

static void on_safety(struct contact_page *p)
{
        open_conversation(p, true);
}

static void on_contacts(const struct contact *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct contact_page *p = userdata;

        for (size_t i = 0; i < n; i++)
                if (strcmp(list[i].address, p->address) == 0) {
                        p->trust = list[i].changed ? TRUST_CHANGED : list[i].verified ? TRUST_VERIFIED : TRUST_KNOWN;
                        gtk_editable_set_text(GTK_EDITABLE(p->nickname), list[i].nickname);
                }
        adw_action_row_set_subtitle(ADW_ACTION_ROW(p->safety), p->trust == TRUST_CHANGED
                                                                       ? "Another key came up, and was refused"
                                                               : p->trust == TRUST_VERIFIED ? "You have compared it"
                                                                                            : "Not compared yet");
}

/* The nickname. */

static void on_named(const sd_bus_error *error, void *userdata)
{
        struct contact_page *p = userdata;

        if (error) {
                sheet_show_error(p->sheet, error);
                return;
        }
        sheet_toast(p->sheet, "The nickname is kept; nobody else sees it.");
        p->events->changed(p->userdata);
}

static void on_nickname(gpointer userdata)
{
        struct contact_page *p = userdata;
        g_autofree char *name = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(p->nickname))));

        sheet_hide(p->sheet);
        (void) account_call(p->account, &p->calls, CRYPTO_CONTACTS, "SetNickname", on_named, p, "ss", p->address, name);
}

/* The end. */

static void on_ended(const sd_bus_error *error, void *userdata)
{
        struct contact_page *p = userdata;

        if (error) {
                sheet_show_error(p->sheet, error);
                return;
        }
        p->events->changed(p->userdata);
        sheet_pop(p->sheet); /* and with it what we are */
}

static void block(void *userdata)
{
        struct contact_page *p = userdata;

        (void) account_call(p->account, &p->calls, CRYPTO_CONTACTS, "SetBlocked", on_ended, p, "sb", p->address, 1);
}

static void remove_contact(void *userdata)
{
        struct contact_page *p = userdata;

        (void) account_call(p->account, &p->calls, CRYPTO_CONTACTS, "Remove", on_ended, p, "s", p->address);
}

static void on_block(struct contact_page *p)
{
        g_autofree char *heading = g_strdup_printf("Block %s?", p->name);

        question_ask(sheet_window(p->sheet), heading,
                     "Nothing that they say is shown any more, in groups neither, and they are not told.", "Block",
                     block, p);
}

static void on_remove(struct contact_page *p)
{
        g_autofree char *heading = g_strdup_printf("Remove %s?", p->name);

        question_ask(sheet_window(p->sheet), heading,
                     "What comes from them next is a request again. What you two have said stays.", "Remove",
                     remove_contact, p);
}

static void release(gpointer userdata)
{
        struct contact_page *p = userdata;

        calls_cancel(&p->calls);
        g_free(p->address);
        g_free(p->name);
        g_free(p);
}

static void add_row(AdwPreferencesGroup *group, GtkWidget *row, GCallback act, struct contact_page *p)
{
        adw_preferences_group_add(group, row);
        g_signal_connect_swapped(row, "activated", act, p);
}

static void add_rows(struct contact_page *p, AdwPreferencesPage *page)
{
        g_autofree char *shown = g_strndup(p->address, strcspn(p->address, "#"));
        g_autofree char *markup = g_markup_escape_text(shown, -1);
        AdwPreferencesGroup *group = row_group(page, "", markup), *end;

        p->nickname = row_entry("Nickname", "Keep", on_nickname, p);
        adw_preferences_group_add(group, p->nickname);
        add_row(group, row_link("Message", ""), G_CALLBACK(on_message), p);
        p->safety = row_link("Safety Number", "");
        add_row(group, p->safety, G_CALLBACK(on_safety), p);
        end = row_group(page, "", NULL);
        add_row(end, row_link("Block …", "Nothing of theirs is shown any more"), G_CALLBACK(on_block), p);
        add_row(end, row_link("Remove From Contacts …", "What comes from them is a request again"),
                G_CALLBACK(on_remove), p);
}

void contact_page_push(struct sheet *s, struct account *a, const char *address,
                       const struct contact_page_events *events, void *userdata)
{
        struct contact_page *p = g_new0(struct contact_page, 1);
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());

        *p = (struct contact_page){ .events = events, .userdata = userdata, .sheet = s, .account = a };
        p->address = g_strdup(address);
        p->name = person_name(address, NULL);
        g_object_set_data_full(G_OBJECT(page), "contact-page", p, release);
        add_rows(p, page);
        sheet_push(s, p->name, GTK_WIDGET(page));
        (void) contacts_list(a, &p->calls, on_contacts, p);
}
