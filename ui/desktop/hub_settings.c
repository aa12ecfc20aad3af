/* The hubs of an account. */
#include "ui/desktop/hub_settings.h"

#include <string.h>

#include "services/address.h"
#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/question.h"
#include "ui/desktop/rows.h"

struct hub_settings {
        struct sheet *sheet;
        struct account *account;
        struct calls calls;
        AdwPreferencesGroup *group;
        struct row_list *hubs;
        GArray *order;    /* numbers of the further ones, as they are tried */
        GtkWidget *entry; /* of one more */
        uint32_t number;  /* of the one that is being removed */
};

static void refresh(struct hub_settings *s);

static void on_done(const sd_bus_error *error, void *userdata)
{
        struct hub_settings *s = userdata;

        if (error)
                sheet_show_error(s->sheet, error);
        refresh(s);
}

/* -- one goes, or comes earlier
 * ------------------------------------------------------------------------------------------ */

static uint32_t number_of(GtkWidget *button)
{
        return (uint32_t) g_ascii_strtoull(row_subject(button), NULL, 10);
}

static void remove_hub(void *userdata)
{
        struct hub_settings *s = userdata;

        (void) account_call(s->account, &s->calls, CRYPTO_HUBS, "Remove", on_done, s, "ub", s->number, 0);
}

static void on_remove(struct hub_settings *s, GtkWidget *button)
{
        s->number = number_of(button);
        question_ask(sheet_window(s->sheet), "Leave This Hub?",
                     "Your account there is deleted. Whoever knows you only there does not reach you any more.",
                     "Leave", remove_hub, s);
}

static void on_earlier(struct hub_settings *s, GtkWidget *button)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        uint32_t *order = (uint32_t *) s->order->data, number = number_of(button);
        int r = account_new_call(s->account, CRYPTO_HUBS, "Order", &m);

        for (guint i = 1; i < s->order->len; i++)
                if (order[i] == number) {
                        order[i] = order[i - 1];
                        order[i - 1] = number;
                        break;
                }
        sheet_hide(s->sheet);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'u', order, s->order->len * sizeof(*order));
        if (r >= 0)
                (void) account_send_call(&s->calls, m, on_done, s);
}

/* -- what there is
 * --------------------------------------------------------------------------------------------------------- */

static void add_button(struct hub_settings *s, GtkWidget *row, const char *label, const char *icon, uint32_t number,
                       void (*act)(struct hub_settings *, GtkWidget *))
{
        g_autofree char *subject = g_strdup_printf("%u", number);
        GtkWidget *button = row_button(row, label, icon, "flat");

        row_set_subject(button, subject);
        g_signal_connect_swapped(button, "clicked", G_CALLBACK(act), s);
}

static void add_hub(struct hub_settings *s, uint32_t number, const char *address)
{
        const char *at = strchr(address, '@');
        g_autofree char *hub = g_strndup(at ? at + 1 : address, strcspn(at ? at + 1 : address, "#"));
        g_autofree char *shown = g_strndup(address, strcspn(address, "#"));
        GtkWidget *row = row_new(hub, number == 0 ? "Your own: it is tried first" : shown);

        if (number > 0) {
                if (s->order->len > 0)
                        add_button(s, row, "Try Earlier", "go-up-symbolic", number, on_earlier);
                add_button(s, row, "Leave", "user-trash-symbolic", number, on_remove);
                g_array_append_val(s->order, number);
        }
        row_list_add(s->hubs, row);
}

static void on_hubs(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct hub_settings *s = userdata;
        const char *address;
        uint32_t number;
        int r = error ? -1 : sd_bus_message_enter_container(reply, 'a', "(us)");

        row_list_clear(s->hubs);
        g_array_set_size(s->order, 0);
        while (r >= 0 && (r = sd_bus_message_read(reply, "(us)", &number, &address)) > 0)
                add_hub(s, number, address);
        if (r < 0)
                sheet_show_error(s->sheet, error ? error : &calls_malformed);
}

static void refresh(struct hub_settings *s)
{
        struct account *a = s->account;

        (void) calls_method(&s->calls, account_bus(a), account_owner(a), account_path(a), CRYPTO_HUBS, "List", on_hubs,
                            s, "");
}

/* -- one comes
 * ---------------------------------------------------------------------------------------------------------------- */

static void on_added(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct hub_settings *s = userdata;

        gtk_widget_set_sensitive(s->entry, true);
        if (!error) {
                gtk_editable_set_text(GTK_EDITABLE(s->entry), "");
                sheet_toast(s->sheet, "You are on this hub now, too.");
        }
        on_done(error, s);
}

/* An address there, or a hub alone: then under the name that the account has. */
static char *address_there(struct hub_settings *s, const char *text)
{
        g_autofree char *own = g_strdup(account_address(s->account));

        own[strcspn(own, "@")] = '\0';
        return strchr(text, '@') ? g_strdup(text) : g_strdup_printf("%s@%s", own, text);
}

static void on_add(gpointer userdata)
{
        struct hub_settings *s = userdata;
        struct account *a = s->account;
        g_autofree char *text = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(s->entry))));
        g_autofree char *whole = address_there(s, text);
        const char *reason = "";
        struct address address;

        if (!*text)
                return;
        sheet_hide(s->sheet);
        if (address_parse(whole, &address, &reason) < 0)
                sheet_show(s->sheet, "That is no hub", reason);
        else if (calls_method(&s->calls, account_bus(a), account_owner(a), account_path(a), CRYPTO_HUBS, "Add",
                              on_added, s, "sa{sv}", whole, 0) >= 0)
                gtk_widget_set_sensitive(s->entry, false);
}

static void release(gpointer userdata)
{
        struct hub_settings *s = userdata;

        calls_cancel(&s->calls);
        g_array_unref(s->order);
        g_free(s);
}

struct hub_settings *hub_settings_new(AdwPreferencesPage *page, struct account *a)
{
        struct hub_settings *s = g_new0(struct hub_settings, 1);

        s->account = a;
        s->order = g_array_new(false, false, sizeof(uint32_t));
        s->group = row_group(page, "Hubs", "When the first cannot be reached, messages go by the next.");
        s->hubs = row_list_new(s->group);
        s->entry = row_entry("One more hub (host:port#key)", "Add", on_add, s);
        adw_preferences_group_add(row_group(page, "", NULL), s->entry);
        g_object_set_data_full(G_OBJECT(s->entry), "hub-settings", s, release);
        return s;
}

void hub_settings_start(struct hub_settings *s, struct sheet *sheet)
{
        s->sheet = sheet;
        refresh(s);
}
