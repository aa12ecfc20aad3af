/* One member of a group. */
#include "ui/desktop/group_member_page.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/question.h"
#include "ui/desktop/rows.h"

struct group_member_page {
        void (*changed)(void *userdata);
        void *userdata;
        struct sheet *sheet;
        struct account *account;
        struct calls calls;
        char *conversation, *address, *name;
};

static void on_done(const sd_bus_error *error, void *userdata)
{
        struct group_member_page *p = userdata;

        if (error) {
                sheet_show_error(p->sheet, error);
                return;
        }
        p->changed(p->userdata);
        sheet_pop(p->sheet); /* and with it what we are */
}

static void on_role(struct group_member_page *p, GtkWidget *row)
{
        (void) account_call(p->account, &p->calls, CRYPTO_GROUPS, "SetRole", on_done, p, "sss", p->conversation,
                            p->address, row_subject(row));
}

static void remove_member(void *userdata)
{
        struct group_member_page *p = userdata;

        (void) account_call(p->account, &p->calls, CRYPTO_GROUPS, "Remove", on_done, p, "ss", p->conversation,
                            p->address);
}

static void on_remove(struct group_member_page *p)
{
        g_autofree char *heading = g_strdup_printf("Remove %s?", p->name);

        question_ask(sheet_window(p->sheet), heading,
                     "They read nothing more of what is said here, and they learn that they were removed.", "Remove",
                     remove_member, p);
}

static void release(gpointer userdata)
{
        struct group_member_page *p = userdata;

        calls_cancel(&p->calls);
        g_free(p->conversation);
        g_free(p->address);
        g_free(p->name);
        g_free(p);
}

static void add_roles(struct group_member_page *p, AdwPreferencesPage *page, const char *now, bool only_less)
{
        static const struct {
                const char *role, *title, *text;
        } roles[] = {
                { "owner", "Make an Owner", "Owners may do everything" },
                { "admin", "Make an Admin", "Admins add people, remove members, and change name, picture and rules" },
                { "member", "Make a Plain Member", "Members do what the group's rules let them" },
        };
        AdwPreferencesGroup *group = row_group(page, "Role", NULL);
        bool below = false;

        for (unsigned i = 0; i < G_N_ELEMENTS(roles); i++) {
                bool is = strcmp(roles[i].role, now) == 0;

                below = below || is;
                if (is || (only_less && !below))
                        continue;
                GtkWidget *row = row_link(roles[i].title, roles[i].text);
                row_set_subject(row, roles[i].role);
                g_signal_connect_swapped(row, "activated", G_CALLBACK(on_role), p);
                adw_preferences_group_add(group, row);
        }
}

static void add_removal(struct group_member_page *p, AdwPreferencesPage *page)
{
        GtkWidget *row = row_link("Remove From the Group …", "They read nothing more of it");

        g_signal_connect_swapped(row, "activated", G_CALLBACK(on_remove), p);
        adw_preferences_group_add(row_group(page, "", NULL), row);
}

void group_member_page_push(struct sheet *s, struct account *a, const struct group_member *member,
                            const struct group_rights *rights, void (*changed)(void *userdata), void *userdata)
{
        struct group_member_page *p = g_new0(struct group_member_page, 1);
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());
        bool removable = !member->own && group_rights_remove(rights, member->role);
        bool has_role = strcmp(member->role, "member") != 0;

        *p = (struct group_member_page){ .changed = changed, .userdata = userdata, .sheet = s, .account = a };
        p->conversation = g_strdup(member->conversation);
        p->address = g_strdup(member->address);
        p->name = person_name(member->address, NULL);
        g_object_set_data_full(G_OBJECT(page), "group-member-page", p, release);
        g_autofree char *shown = g_strndup(p->address, strcspn(p->address, "#"));
        g_autofree char *markup = g_markup_escape_text(shown, -1);
        row_group(page, "", markup);
        if (rights->roles || (member->own && has_role))
                add_roles(p, page, member->role, !rights->roles);
        if (removable)
                add_removal(p, page);
        sheet_push(s, p->name, GTK_WIDGET(page));
}
