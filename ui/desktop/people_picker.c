/* Several people to be chosen. */
#include "ui/desktop/people_picker.h"

#include <string.h>

#include "services/address.h"
#include "ui/client/calls.h"
#include "ui/client/contacts.h"
#include "ui/desktop/rows.h"
#include "ui/desktop/whom.h"

struct people_picker {
        struct account *account;
        struct calls calls;
        void (*changed)(void *userdata);
        void *userdata;
        AdwPreferencesGroup *group;
        GtkWidget *entry;
        GPtrArray *left_out; /* addresses */
        GPtrArray *chosen;   /* addresses; NULL at the end */
};

static bool has(const GPtrArray *list, const char *address, guint *at)
{
        for (guint i = 0; i < list->len; i++)
                if (g_ptr_array_index(list, i) && is_same_person(g_ptr_array_index(list, i), address)) {
                        *at = i;
                        return true;
                }
        return false;
}

static void set_chosen(struct people_picker *p, const char *address, bool chosen)
{
        guint at;
        bool was = has(p->chosen, address, &at);

        if (chosen && !was)
                g_ptr_array_insert(p->chosen, (gint) p->chosen->len - 1, g_strdup(address));
        else if (!chosen && was)
                g_ptr_array_remove_index(p->chosen, at);
        p->changed(p->userdata);
}

static void on_ticked(struct people_picker *p, GtkWidget *check)
{
        set_chosen(p, row_subject(check), gtk_check_button_get_active(GTK_CHECK_BUTTON(check)));
}

static void add_person(struct people_picker *p, const char *address, const char *name, bool ticked)
{
        GtkWidget *row = row_person(name, address), *check = gtk_check_button_new();

        row_set_subject(check, address);
        gtk_widget_set_valign(check, GTK_ALIGN_CENTER);
        gtk_accessible_update_property(GTK_ACCESSIBLE(check), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
        adw_action_row_add_prefix(ADW_ACTION_ROW(row), check);
        adw_action_row_set_activatable_widget(ADW_ACTION_ROW(row), check);
        adw_preferences_group_add(p->group, row);
        g_signal_connect_swapped(check, "toggled", G_CALLBACK(on_ticked), p);
        gtk_check_button_set_active(GTK_CHECK_BUTTON(check), ticked);
}

static void on_contacts(const struct contact *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct people_picker *p = userdata;
        guint at;

        for (size_t i = 0; !error && i < n; i++) {
                g_autofree char *name = person_name(list[i].address, list[i].nickname);

                if (!list[i].blocked && !has(p->left_out, list[i].address, &at))
                        add_person(p, list[i].address, name, false);
        }
}

/* What has been typed becomes a row that is ticked. */
static void on_entry(gpointer userdata)
{
        struct people_picker *p = userdata;
        g_autofree char *text = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(p->entry))));
        g_autofree char *whole = whom_complete(p->account, text), *name = NULL;
        char address[ADDRESS_TEXT_MAX];
        const char *reason = "";
        struct address a;

        gtk_widget_remove_css_class(p->entry, "error");
        if (!*text)
                return;
        if (address_parse(whole, &a, &reason) < 0) {
                gtk_widget_add_css_class(p->entry, "error");
                adw_preferences_group_set_description(p->group, reason);
                return;
        }
        address_format(&a, true, address);
        name = person_name(address, NULL);
        add_person(p, address, name, true);
        adw_preferences_group_set_description(p->group, NULL);
        gtk_editable_set_text(GTK_EDITABLE(p->entry), "");
}

static void release(gpointer userdata)
{
        struct people_picker *p = userdata;

        calls_cancel(&p->calls);
        g_ptr_array_unref(p->left_out);
        g_ptr_array_unref(p->chosen);
        g_free(p);
}

struct people_picker *people_picker_new(AdwPreferencesPage *page, struct account *a, void (*changed)(void *userdata),
                                        void *userdata)
{
        struct people_picker *p = g_new0(struct people_picker, 1);

        *p = (struct people_picker){ .account = a, .changed = changed, .userdata = userdata };
        p->left_out = g_ptr_array_new_with_free_func(g_free);
        p->chosen = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(p->chosen, NULL);
        p->group = row_group(page, "People", NULL);
        p->entry = row_entry("Somebody by their address", "Add", on_entry, p);
        adw_preferences_group_add(p->group, p->entry);
        g_object_set_data_full(G_OBJECT(p->group), "people-picker", p, release);
        return p;
}

const char *const *people_picker_chosen(struct people_picker *p)
{
        return (const char *const *) p->chosen->pdata;
}

void people_picker_leave_out(struct people_picker *p, const char *address)
{
        g_ptr_array_add(p->left_out, g_strdup(address));
}

void people_picker_start(struct people_picker *p)
{
        (void) contacts_list(p->account, &p->calls, on_contacts, p);
}
