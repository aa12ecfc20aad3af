/* An account's label, idle lock and notifications, and its end. */
#include "ui/desktop/account_settings.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/properties.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/rows.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"

struct account_settings {
        struct sheet *sheet;
        struct account *account;
        struct calls calls;
        GtkWidget *label, *idle, *level, *name, *destroy;
        bool filling; /* what is set comes from cryptod, not from the person */
};

static const struct {
        uint32_t seconds;
        const char *words;
} idle_times[] = { { 0, "Never" },
                   { 300, "After 5 Minutes" },
                   { 900, "After 15 Minutes" },
                   { 3600, "After an Hour" },
                   { 28800, "After 8 Hours" } };

static const struct {
        const char *level, *words;
} levels[] = { { "full", "Who and What" }, { "sender", "Who" }, { "bare", "That Something Came" } };

/* -- what is set
 * ------------------------------------------------------------------------------------------------------- */

static void on_account(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct account_settings *s = userdata;
        char label[128] = "";
        uint32_t idle = 0;
        guint at = 0;
        const struct property table[] = { { "Label", PROPERTY_STRING, label, sizeof(label) },
                                          { "IdleLock", PROPERTY_UINT32, &idle, 0 },
                                          { NULL, 0, NULL, 0 } };

        if (error || properties_read(reply, table) < 0)
                return;
        for (guint i = 0; i < G_N_ELEMENTS(idle_times); i++)
                if (idle >= idle_times[i].seconds)
                        at = i;
        s->filling = true;
        gtk_editable_set_text(GTK_EDITABLE(s->label), label);
        adw_combo_row_set_selected(ADW_COMBO_ROW(s->idle), at);
        s->filling = false;
}

static void on_notifications(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct account_settings *s = userdata;
        char level[16] = "";
        const struct property table[] = { { "Level", PROPERTY_STRING, level, sizeof(level) }, { NULL, 0, NULL, 0 } };

        if (error || properties_read(reply, table) < 0)
                return;
        s->filling = true;
        for (guint i = 0; i < G_N_ELEMENTS(levels); i++)
                if (strcmp(levels[i].level, level) == 0)
                        adw_combo_row_set_selected(ADW_COMBO_ROW(s->level), i);
        s->filling = false;
}

/* -- what the person sets
 * ---------------------------------------------------------------------------------------------- */

static void on_set(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct account_settings *s = userdata;

        if (error)
                sheet_show_error(s->sheet, error);
        else
                sheet_toast(s->sheet, "Kept.");
}

static void set(struct account_settings *s, const char *interface, const char *property, const char *type,
                const char *text, uint32_t number)
{
        struct account *a = s->account;

        sheet_hide(s->sheet);
        if (text)
                (void) calls_method(&s->calls, account_bus(a), account_owner(a), account_path(a), PROPERTIES, "Set",
                                    on_set, s, "ssv", interface, property, type, text);
        else
                (void) calls_method(&s->calls, account_bus(a), account_owner(a), account_path(a), PROPERTIES, "Set",
                                    on_set, s, "ssv", interface, property, type, number);
}

static void on_label(gpointer userdata)
{
        struct account_settings *s = userdata;

        set(s, CRYPTO_ACCOUNT, "Label", "s", gtk_editable_get_text(GTK_EDITABLE(s->label)), 0);
}

static void on_idle(struct account_settings *s)
{
        guint i = adw_combo_row_get_selected(ADW_COMBO_ROW(s->idle));

        if (!s->filling && i < G_N_ELEMENTS(idle_times))
                set(s, CRYPTO_ACCOUNT, "IdleLock", "u", NULL, idle_times[i].seconds);
}

static void on_level(struct account_settings *s)
{
        guint i = adw_combo_row_get_selected(ADW_COMBO_ROW(s->level));

        if (!s->filling && i < G_N_ELEMENTS(levels))
                set(s, CRYPTO_NOTIFICATIONS, "Level", "s", levels[i].level, 0);
}

/* -- the end
 * ------------------------------------------------------------------------------------------------------------ */

static void on_destroyed(const sd_bus_error *error, void *userdata)
{
        struct account_settings *s = userdata;

        if (error)
                sheet_show_error(s->sheet, error); /* else the account locks, and this window closes */
}

static char *own_name(struct account_settings *s)
{
        const char *address = account_address(s->account);

        return g_strndup(address, strcspn(address, "@"));
}

static void on_name(struct account_settings *s)
{
        g_autofree char *name = own_name(s);

        gtk_widget_set_sensitive(s->destroy, strcmp(gtk_editable_get_text(GTK_EDITABLE(s->name)), name) == 0);
}

static void on_destroy(struct account_settings *s)
{
        g_autofree char *name = own_name(s);

        gtk_widget_set_sensitive(s->destroy, false);
        (void) account_call(s->account, &s->calls, CRYPTO_ACCOUNT, "Destroy", on_destroyed, s, "sb", name, 0);
}

static void on_end(struct account_settings *s)
{
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());
        AdwPreferencesGroup *group = row_group(
                page, "Delete This Account?",
                "What opens it is erased first, then your face, the account at its hub with what waits there, "
                "and all that was said, on this computer. Nothing of it can be brought back.");

        s->name = adw_entry_row_new();
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(s->name), "Type the account’s name to delete it");
        s->destroy = gtk_button_new_with_label("Delete the Account");
        gtk_widget_set_halign(s->destroy, GTK_ALIGN_CENTER);
        gtk_widget_set_margin_top(s->destroy, 18);
        gtk_widget_set_sensitive(s->destroy, false);
        gtk_widget_add_css_class(s->destroy, "pill");
        gtk_widget_add_css_class(s->destroy, "destructive-action");
        adw_preferences_group_add(group, s->name);
        adw_preferences_group_add(group, s->destroy);
        g_signal_connect_swapped(s->name, "changed", G_CALLBACK(on_name), s);
        g_signal_connect_swapped(s->destroy, "clicked", G_CALLBACK(on_destroy), s);
        sheet_push(s->sheet, "Delete the Account", GTK_WIDGET(page));
}

/* -- life
 * ---------------------------------------------------------------------------------------------------------------- */

static void release(gpointer userdata)
{
        struct account_settings *s = userdata;

        calls_cancel(&s->calls);
        g_free(s);
}

static GtkWidget *combo(AdwPreferencesGroup *group, const char *title, const char *subtitle)
{
        GtkWidget *row = adw_combo_row_new();

        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
        adw_action_row_set_subtitle(ADW_ACTION_ROW(row), subtitle);
        adw_preferences_group_add(group, row);
        return row;
}

struct account_settings *account_settings_new(AdwPreferencesPage *page, struct account *a)
{
        struct account_settings *s = g_new0(struct account_settings, 1);
        g_autofree char *shown = g_strndup(account_address(a), strcspn(account_address(a), "#"));
        g_autofree char *markup = g_markup_escape_text(shown, -1);
        AdwPreferencesGroup *group = row_group(page, "Account", markup),
                            *notices = row_group(page, "Notifications", NULL);
        g_autoptr(GtkStringList) times = gtk_string_list_new(NULL);
        g_autoptr(GtkStringList) words = gtk_string_list_new(NULL);

        s->account = a;
        g_object_set_data_full(G_OBJECT(group), "account-settings", s, release);
        for (guint i = 0; i < G_N_ELEMENTS(idle_times); i++)
                gtk_string_list_append(times, idle_times[i].words);
        for (guint i = 0; i < G_N_ELEMENTS(levels); i++)
                gtk_string_list_append(words, levels[i].words);
        s->label = row_entry("What you call it", "Keep", on_label, s);
        adw_preferences_group_add(group, s->label);
        s->idle = combo(group, "Lock When Idle", "");
        s->level = combo(notices, "They Say", "While the account is locked, only that something came");
        s->filling = true;
        adw_combo_row_set_model(ADW_COMBO_ROW(s->idle), G_LIST_MODEL(times));
        adw_combo_row_set_model(ADW_COMBO_ROW(s->level), G_LIST_MODEL(words));
        s->filling = false;
        g_signal_connect_swapped(s->idle, "notify::selected", G_CALLBACK(on_idle), s);
        g_signal_connect_swapped(s->level, "notify::selected", G_CALLBACK(on_level), s);
        return s;
}

void account_settings_add_end(struct account_settings *s, AdwPreferencesPage *page)
{
        GtkWidget *row = row_link("Delete the Account …", "Here and at its hub, with all that was said");

        adw_preferences_group_add(row_group(page, "", NULL), row);
        g_signal_connect_swapped(row, "activated", G_CALLBACK(on_end), s);
}

void account_settings_start(struct account_settings *s, struct sheet *sheet)
{
        struct account *a = s->account;

        s->sheet = sheet;
        (void) calls_get_all(&s->calls, account_bus(a), account_owner(a), account_path(a), CRYPTO_ACCOUNT, on_account,
                             s);
        (void) calls_get_all(&s->calls, account_bus(a), account_owner(a), account_path(a), CRYPTO_NOTIFICATIONS,
                             on_notifications, s);
}
