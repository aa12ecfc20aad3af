/* More people for a group. */
#include "ui/desktop/group_people_page.h"

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/people_picker.h"
#include "ui/desktop/rows.h"

struct group_people_page {
        void (*added)(void *userdata);
        void *userdata;
        struct sheet *sheet;
        struct account *account;
        struct calls calls;
        char *conversation;
        GtkWidget *add;
        struct people_picker *people;
};

static void on_chosen(void *userdata)
{
        struct group_people_page *p = userdata;

        gtk_widget_set_sensitive(p->add, *people_picker_chosen(p->people) != NULL);
}

static void on_added(const sd_bus_error *error, void *userdata)
{
        struct group_people_page *p = userdata;

        if (error) {
                sheet_show_error(p->sheet, error);
                on_chosen(p);
                return;
        }
        p->added(p->userdata);
        sheet_pop(p->sheet); /* and with it what we are */
}

static void on_add(struct group_people_page *p)
{
        sd_bus_message *m = NULL;
        int r = account_new_call(p->account, CRYPTO_GROUPS, "Add", &m);

        sheet_hide(p->sheet);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", p->conversation);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) people_picker_chosen(p->people));
        if (r >= 0)
                r = account_send_call(&p->calls, m, on_added, p);
        sd_bus_message_unref(m);
        gtk_widget_set_sensitive(p->add, r < 0);
}

static void release(gpointer userdata)
{
        struct group_people_page *p = userdata;

        calls_cancel(&p->calls);
        g_free(p->conversation);
        g_free(p);
}

void group_people_page_push(struct sheet *s, struct account *a, const char *conversation, const char *const *members,
                            void (*added)(void *userdata), void *userdata)
{
        struct group_people_page *p = g_new0(struct group_people_page, 1);
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());

        *p = (struct group_people_page){ .added = added, .userdata = userdata, .sheet = s, .account = a };
        p->conversation = g_strdup(conversation);
        g_object_set_data_full(G_OBJECT(page), "group-people-page", p, release);
        p->people = people_picker_new(page, a, on_chosen, p);
        for (; *members; members++)
                people_picker_leave_out(p->people, *members);
        p->add = gtk_button_new_with_label("Add to the Group");
        gtk_widget_set_halign(p->add, GTK_ALIGN_CENTER);
        gtk_widget_set_sensitive(p->add, false);
        gtk_widget_add_css_class(p->add, "pill");
        gtk_widget_add_css_class(p->add, "suggested-action");
        adw_preferences_group_add(row_group(page, "", "Whoever is added reads what is said from then on."), p->add);
        g_signal_connect_swapped(p->add, "clicked", G_CALLBACK(on_add), p);
        sheet_push(s, "Add People", GTK_WIDGET(page));
        people_picker_start(p->people);
}
