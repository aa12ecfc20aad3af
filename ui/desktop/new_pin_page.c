/* A new PIN or passphrase. */
#include "ui/desktop/new_pin_page.h"

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/pin_choice.h"
#include "ui/desktop/pin_field.h"
#include "ui/desktop/proof_page.h"
#include "ui/desktop/rows.h"

struct new_pin_page {
        void (*changed)(void *userdata);
        void *userdata;
        struct sheet *sheet;
        struct account *account;
        struct calls calls;
        uint32_t number;
        bool new_face;
        GtkWidget *label, *pin, *again, *go;
        GtkLevelBar *strength;
        GtkLabel *judgement;
        struct secret *chosen;
};

static void on_done(const sd_bus_error *error, void *userdata)
{
        struct new_pin_page *p = userdata;
        struct sheet *sheet = p->sheet;
        bool new_face = p->new_face;

        if (error) {
                sheet_show_error(sheet, error);
                return;
        }
        p->changed(p->userdata);
        sheet_pop_all(sheet); /* and with it what we are */
        sheet_toast(sheet, new_face ? "From now on your face, enrolled anew, opens the account with the new PIN."
                                    : "From now on the new PIN opens the account, with your face.");
}

static int append_change(struct new_pin_page *p, sd_bus_message *m)
{
        _cleanup_close_ int fd = -1;
        int r = secret_to_fd(p->chosen, &fd);

        if (r < 0)
                return r;
        return p->number > 0
                       ? sd_bus_message_append(m, "uh", p->number, fd)
                       : sd_bus_message_append(m, "ssh", "face", gtk_editable_get_text(GTK_EDITABLE(p->label)), fd);
}

static void on_proof(const struct proof *proof, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct new_pin_page *p = userdata;
        int r = account_new_call(p->account, CRYPTO_SLOTS, p->number > 0 ? "Change" : "Add", &m);

        if (r >= 0)
                r = append_change(p, m);
        if (r >= 0)
                r = proof_append(m, proof);
        if (r >= 0)
                r = account_send_call(&p->calls, m, on_done, p);
        if (r < 0)
                sheet_show(p->sheet, "The PIN was not changed", "The message bus does not take the call. Try again.");
}

static void on_typed(struct new_pin_page *p)
{
        gtk_widget_set_sensitive(p->go, pin_choice_judge(p->pin, p->again, p->strength, p->judgement));
}

static void on_go(struct new_pin_page *p)
{
        if (!gtk_widget_is_sensitive(p->go))
                return;
        secret_free(p->chosen);
        p->chosen = pin_field_take(p->pin);
        pin_field_clear(p->again);
        proof_page_push(p->sheet, p->account, p->new_face ? PROOF_FACE_ANEW : PROOF_FACE_ALWAYS, on_proof, p);
}

static GtkWidget *field(AdwPreferencesGroup *group, const char *name)
{
        GtkWidget *entry = gtk_password_entry_new();

        g_object_set(entry, "placeholder-text", name, NULL);
        gtk_password_entry_set_show_peek_icon(GTK_PASSWORD_ENTRY(entry), true);
        part_name(entry, name);
        gtk_widget_add_css_class(entry, "pin");
        gtk_widget_set_margin_bottom(entry, 12);
        pin_field_prepare(entry);
        adw_preferences_group_add(group, entry);
        return entry;
}

static void release(gpointer userdata)
{
        struct new_pin_page *p = userdata;

        calls_cancel(&p->calls);
        secret_free(p->chosen);
        g_free(p);
}

static void add_parts(struct new_pin_page *p, AdwPreferencesPage *page)
{
        AdwPreferencesGroup *group = row_group(page, "",
                                               "Face and PIN together open the account; a passphrase is a PIN, "
                                               "too.");
        GtkWidget *strength = gtk_level_bar_new_for_interval(0, 4), *judgement = gtk_label_new("");

        if (p->number == 0) {
                p->label = adw_entry_row_new();
                adw_preferences_row_set_title(ADW_PREFERENCES_ROW(p->label), "What you call it");
                adw_preferences_group_add(row_group(page, "", NULL), p->label);
        }
        p->pin = field(group, "New PIN or passphrase");
        p->again = field(group, "The same again");
        p->strength = GTK_LEVEL_BAR(strength);
        gtk_level_bar_set_mode(p->strength, GTK_LEVEL_BAR_MODE_DISCRETE);
        p->judgement = GTK_LABEL(judgement);
        gtk_label_set_wrap(p->judgement, true);
        gtk_widget_set_margin_top(judgement, 6);
        p->go = gtk_button_new_with_label("Continue");
        gtk_widget_set_halign(p->go, GTK_ALIGN_CENTER);
        gtk_widget_set_margin_top(p->go, 12);
        gtk_widget_set_sensitive(p->go, false);
        gtk_widget_add_css_class(p->go, "pill");
        gtk_widget_add_css_class(p->go, "suggested-action");
        adw_preferences_group_add(group, strength);
        adw_preferences_group_add(group, judgement);
        adw_preferences_group_add(group, p->go);
}

void new_pin_page_push(struct sheet *s, struct account *a, uint32_t number, bool new_face,
                       void (*changed)(void *userdata), void *userdata)
{
        struct new_pin_page *p = g_new0(struct new_pin_page, 1);
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());

        *p = (struct new_pin_page){ .changed = changed,
                                    .userdata = userdata,
                                    .sheet = s,
                                    .account = a,
                                    .number = number,
                                    .new_face = new_face };
        g_object_set_data_full(G_OBJECT(page), "new-pin-page", p, release);
        add_parts(p, page);
        g_signal_connect_swapped(p->pin, "changed", G_CALLBACK(on_typed), p);
        g_signal_connect_swapped(p->again, "changed", G_CALLBACK(on_typed), p);
        g_signal_connect_swapped(p->again, "activate", G_CALLBACK(on_go), p);
        g_signal_connect_swapped(p->go, "clicked", G_CALLBACK(on_go), p);
        sheet_push(s,
                   new_face     ? "Enrol Your Face Anew"
                   : number > 0 ? "Change the PIN"
                                : "Add a PIN",
                   GTK_WIDGET(page));
}
