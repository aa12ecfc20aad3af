/* What opens an account. */
#include "ui/desktop/slot_settings.h"

#include <string.h>

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/look_page.h"
#include "ui/desktop/new_pin_page.h"
#include "ui/desktop/proof_page.h"
#include "ui/desktop/question.h"
#include "ui/desktop/recovery_code_page.h"
#include "ui/desktop/rows.h"

struct slot_settings {
        struct sheet *sheet;
        struct account *account;
        struct calls calls;
        struct row_list *slots;
        uint32_t number; /* of the slot that is being removed */
};

static void refresh(void *userdata);

/* -- one goes
 * ----------------------------------------------------------------------------------------------------------- */

static void on_removed(const sd_bus_error *error, void *userdata)
{
        struct slot_settings *s = userdata;

        if (error) {
                sheet_show_error(s->sheet, error);
                return;
        }
        sheet_pop_all(s->sheet);
        sheet_toast(s->sheet, "It opens the account no more.");
        refresh(s);
}

static void on_proof(const struct proof *proof, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct slot_settings *s = userdata;
        int r = account_new_call(s->account, CRYPTO_SLOTS, "Remove", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "u", s->number);
        if (r >= 0)
                r = proof_append(m, proof);
        if (r >= 0)
                (void) account_send_call(&s->calls, m, on_removed, s);
}

static void prove_removal(void *userdata)
{
        struct slot_settings *s = userdata;

        (void) proof_page_push(s->sheet, s->account, PROOF_FACE_WITH_PIN, on_proof, s);
}

static uint32_t number_of(GtkWidget *button)
{
        return (uint32_t) g_ascii_strtoull(row_subject(button), NULL, 10);
}

static void on_remove(struct slot_settings *s, GtkWidget *button)
{
        s->number = number_of(button);
        question_ask(sheet_window(s->sheet), "Remove This?",
                     "It opens the account no more. See that you have another way in that you know.", "Remove",
                     prove_removal, s);
}

static void on_change(struct slot_settings *s, GtkWidget *button)
{
        new_pin_page_push(s->sheet, s->account, number_of(button), false, refresh, s);
}

/* -- what there is
 * ------------------------------------------------------------------------------------------------------- */

static const char *words_of(const char *kind)
{
        return strcmp(kind, "face") == 0         ? "Face and PIN"
               : strcmp(kind, "recovery") == 0   ? "Recovery code"
               : strcmp(kind, "passphrase") == 0 ? "Passphrase without face"
                                                 : "Of a later version";
}

static void add_button(struct slot_settings *s, GtkWidget *row, const char *label, const char *icon, uint32_t number,
                       void (*act)(struct slot_settings *, GtkWidget *))
{
        g_autofree char *subject = g_strdup_printf("%u", number);
        GtkWidget *button = row_button(row, label, icon, icon ? "flat" : NULL);

        row_set_subject(button, subject);
        g_signal_connect_swapped(button, "clicked", G_CALLBACK(act), s);
}

static void add_slot(struct slot_settings *s, uint32_t number, const char *kind, const char *label, uint64_t created)
{
        g_autoptr(GDateTime) time = g_date_time_new_from_unix_local((gint64) (created / G_USEC_PER_SEC));
        g_autofree char *date = time ? g_date_time_format(time, "%x") : g_strdup("");
        g_autofree char *subtitle = g_strdup_printf("%s, since %s", words_of(kind), date);
        GtkWidget *row = row_new(*label ? label : words_of(kind), subtitle);

        if (strcmp(kind, "face") == 0)
                add_button(s, row, "Change", NULL, number, on_change);
        add_button(s, row, "Remove", "user-trash-symbolic", number, on_remove);
        row_list_add(s->slots, row);
}

static void on_slots(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct slot_settings *s = userdata;
        const char *kind, *label;
        uint32_t number;
        uint64_t created;
        int r = error ? -1 : sd_bus_message_enter_container(reply, 'a', "(usst)");

        row_list_clear(s->slots);
        while (r >= 0 && (r = sd_bus_message_read(reply, "(usst)", &number, &kind, &label, &created)) > 0)
                add_slot(s, number, kind, label, created);
        if (r < 0)
                sheet_show_error(s->sheet, error ? error : &calls_malformed);
}

static void refresh(void *userdata)
{
        struct slot_settings *s = userdata;
        struct account *a = s->account;

        (void) calls_method(&s->calls, account_bus(a), account_owner(a), account_path(a), CRYPTO_SLOTS, "List",
                            on_slots, s, "");
}

/* -- one comes
 * ------------------------------------------------------------------------------------------------------------ */

static void on_add(struct slot_settings *s)
{
        new_pin_page_push(s->sheet, s->account, 0, false, refresh, s);
}

static void on_new_face(struct slot_settings *s)
{
        new_pin_page_push(s->sheet, s->account, 0, true, refresh, s);
}

static void on_recovery(struct slot_settings *s)
{
        recovery_code_page_push(s->sheet, s->account, refresh, s);
}

static void on_look(struct slot_settings *s)
{
        look_page_push(s->sheet, s->account);
}

static void release(gpointer userdata)
{
        struct slot_settings *s = userdata;

        calls_cancel(&s->calls);
        g_free(s);
}

struct slot_settings *slot_settings_new(AdwPreferencesPage *page, struct account *a)
{
        const struct {
                const char *title, *text;
                void (*act)(struct slot_settings *);
        } ways[] = {
                { "Add a PIN or Passphrase", "Another one, with your face", on_add },
                { "Make a Recovery Code", "Fifteen words for the day when you have forgotten the PIN", on_recovery },
                { "Add Another Look", "With glasses, for instance", on_look },
                { "Enrol Your Face Anew", "When it opens nothing any more; it takes the recovery code", on_new_face }
        };
        struct slot_settings *s = g_new0(struct slot_settings, 1);
        AdwPreferencesGroup *group = row_group(page, "What Opens It", NULL), *more = row_group(page, "", NULL);

        s->account = a;
        s->slots = row_list_new(group);
        g_object_set_data_full(G_OBJECT(more), "slot-settings", s, release);
        for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
                GtkWidget *row = row_link(ways[i].title, ways[i].text);

                adw_preferences_group_add(more, row);
                g_signal_connect_swapped(row, "activated", G_CALLBACK(ways[i].act), s);
        }
        return s;
}

void slot_settings_start(struct slot_settings *s, struct sheet *sheet)
{
        s->sheet = sheet;
        refresh(s);
}
