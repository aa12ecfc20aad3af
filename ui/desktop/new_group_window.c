/* A group begins. */
#include "ui/desktop/new_group_window.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/people_picker.h"
#include "ui/desktop/rows.h"
#include "ui/desktop/sheet.h"

struct new_group_window {
        void (*made)(const char *conversation, const char *name, void *userdata);
        void *userdata;
        struct account *account;
        struct calls calls;
        struct sheet *sheet;
        GtkWidget *name, *create, *spinner;
        struct people_picker *people;
};

static char *name_of(struct new_group_window *w)
{
        return g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(w->name))));
}

/* A name has no @, which would make it look like somebody's address. */
static void judge(void *userdata)
{
        struct new_group_window *w = userdata;
        g_autofree char *name = name_of(w);

        sheet_hide(w->sheet);
        if (strchr(name, '@'))
                sheet_show(w->sheet, "Another name, please", "The name of a group has no @, since addresses do.");
        gtk_widget_set_sensitive(w->create, *name && !strchr(name, '@'));
}

static void on_changed(struct new_group_window *w)
{
        judge(w);
}

static void set_busy(struct new_group_window *w, bool busy)
{
        gtk_widget_set_visible(w->spinner, busy);
        gtk_widget_set_sensitive(w->create, !busy);
}

static void on_created(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct new_group_window *w = userdata;
        g_autofree char *name = name_of(w);
        struct sheet *sheet = w->sheet;
        const char *id;

        set_busy(w, false);
        if (!error && sd_bus_message_read(reply, "s", &id) < 0)
                error = &calls_malformed;
        if (error) {
                sheet_show_error(sheet, error);
                return;
        }
        w->made(id, name, w->userdata);
        sheet_close(sheet); /* and with it what we are */
}

static void on_create(struct new_group_window *w)
{
        g_autofree char *name = name_of(w);
        sd_bus_message *m = NULL;
        int r = account_new_call(w->account, CRYPTO_GROUPS, "Create", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) people_picker_chosen(w->people));
        if (r >= 0)
                r = calls_send(&w->calls, m, on_created, w);
        sd_bus_message_unref(m);
        if (r >= 0)
                set_busy(w, true);
}

static void release(gpointer userdata)
{
        struct new_group_window *w = userdata;

        calls_cancel(&w->calls);
        g_free(w);
}

static void add_end(struct new_group_window *w, AdwPreferencesPage *page)
{
        AdwPreferencesGroup *group = row_group(page, "", NULL);

        w->create = gtk_button_new_with_label("Create the Group");
        w->spinner = gtk_spinner_new();
        gtk_spinner_set_spinning(GTK_SPINNER(w->spinner), true);
        gtk_widget_set_visible(w->spinner, false);
        gtk_widget_set_margin_top(w->spinner, 12);
        gtk_widget_set_halign(w->create, GTK_ALIGN_CENTER);
        gtk_widget_set_sensitive(w->create, false);
        gtk_widget_add_css_class(w->create, "pill");
        gtk_widget_add_css_class(w->create, "suggested-action");
        adw_preferences_group_add(group, w->create);
        adw_preferences_group_add(group, w->spinner);
        g_signal_connect_swapped(w->create, "clicked", G_CALLBACK(on_create), w);
}

void new_group_window_open(GtkWindow *parent, struct account *a,
                           void (*made)(const char *conversation, const char *name, void *userdata), void *userdata)
{
        struct new_group_window *w = g_new0(struct new_group_window, 1);
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());
        AdwPreferencesGroup *group = row_group(page, "", NULL);

        *w = (struct new_group_window){ .made = made, .userdata = userdata, .account = a };
        g_object_set_data_full(G_OBJECT(page), "new-group-window", w, release);
        w->name = adw_entry_row_new();
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(w->name), "Name of the group");
        adw_preferences_group_add(group, w->name);
        w->people = people_picker_new(page, a, judge, w);
        people_picker_leave_out(w->people, account_address(a));
        add_end(w, page);
        w->sheet = sheet_new(parent, "New Group", GTK_WIDGET(page));
        g_signal_connect_swapped(w->name, "changed", G_CALLBACK(on_changed), w);
        people_picker_start(w->people);
}
