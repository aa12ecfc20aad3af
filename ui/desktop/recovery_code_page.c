/* A recovery code is made. */
#include "ui/desktop/recovery_code_page.h"

#include <string.h>

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/pin_field.h"
#include "ui/desktop/proof_page.h"
#include "ui/desktop/rows.h"

enum { WORDS_SIZE_MAX = 1024, COLUMNS = 3 };

struct recovery_code_page {
        void (*made)(void *userdata);
        void *userdata;
        struct sheet *sheet;
        struct account *account;
        struct calls calls;
        GtkWidget *field, *keep;
};

static void release(gpointer userdata)
{
        struct recovery_code_page *p = userdata;

        calls_cancel(&p->calls);
        g_free(p);
}

static void on_confirmed(const sd_bus_error *error, void *userdata)
{
        struct recovery_code_page *p = userdata;
        struct sheet *sheet = p->sheet;

        if (error) {
                sheet_show_error(sheet, error);
                return;
        }
        p->made(p->userdata);
        sheet_pop_all(sheet); /* and with it what we are */
        sheet_toast(sheet, "From now on the recovery code opens the account.");
}

static void on_keep(struct recovery_code_page *p)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_secret_ struct secret *typed = pin_field_take(p->field);
        _cleanup_close_ int fd = -1;
        int r = secret_to_fd(typed, &fd);

        sheet_hide(p->sheet);
        if (r >= 0)
                r = account_new_call(p->account, CRYPTO_SLOTS, "ConfirmRecovery", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "h", fd);
        if (r >= 0)
                (void) account_send_call(&p->calls, m, on_confirmed, p);
}

/* One page: the words, numbered, and below them the field into which they are typed back. */
static GtkWidget *word_grid(const char *words)
{
        g_auto(GStrv) list = g_strsplit_set(words, " \n", -1);
        GtkWidget *grid = gtk_grid_new();
        unsigned n = 0;

        gtk_grid_set_row_spacing(GTK_GRID(grid), 9);
        gtk_grid_set_column_homogeneous(GTK_GRID(grid), true);
        gtk_widget_add_css_class(grid, "card");
        gtk_widget_add_css_class(grid, "recovery-words");
        for (char **word = list; *word; word++) {
                g_autofree char *text = g_strdup_printf("%u. %s", n + 1, *word);
                GtkWidget *label = gtk_label_new(text);

                gtk_label_set_xalign(GTK_LABEL(label), 0);
                if (**word)
                        gtk_grid_attach(GTK_GRID(grid), label, (int) (n % COLUMNS), (int) (n / COLUMNS), 1, 1);
                n += **word != '\0';
        }
        return grid;
}

static void add_field(struct recovery_code_page *p, AdwPreferencesGroup *group)
{
        p->field = gtk_password_entry_new();
        g_object_set(p->field, "placeholder-text", "The fifteen words", NULL);
        gtk_password_entry_set_show_peek_icon(GTK_PASSWORD_ENTRY(p->field), true);
        part_name(p->field, "The fifteen words");
        gtk_widget_add_css_class(p->field, "pin");
        pin_field_prepare(p->field);
        p->keep = gtk_button_new_with_label("I Have Written Them Down");
        gtk_widget_set_halign(p->keep, GTK_ALIGN_CENTER);
        gtk_widget_set_margin_top(p->keep, 18);
        gtk_widget_add_css_class(p->keep, "pill");
        gtk_widget_add_css_class(p->keep, "suggested-action");
        adw_preferences_group_add(group, p->field);
        adw_preferences_group_add(group, p->keep);
        g_signal_connect_swapped(p->field, "activate", G_CALLBACK(on_keep), p);
        g_signal_connect_swapped(p->keep, "clicked", G_CALLBACK(on_keep), p);
}

static void show_words(struct recovery_code_page *p, const char *words)
{
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());
        AdwPreferencesGroup *group = row_group(page, "Write These Words Down",
                                               "On paper, in this order. They are not shown again, and they open the "
                                               "account without face and PIN.");

        adw_preferences_group_add(group, word_grid(words));
        add_field(p, row_group(page, "Type Them Back", "Four letters of each are enough."));
        sheet_push(p->sheet, "Recovery Code", GTK_WIDGET(page));
}

static void on_offered(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct recovery_code_page *p = userdata;
        _cleanup_secret_ struct secret *words = NULL;
        int fd;

        if (!error &&
            (sd_bus_message_read(reply, "h", &fd) < 0 || secret_from_fd(fd, WORDS_SIZE_MAX, true, &words) < 0))
                error = &calls_malformed;
        if (error) {
                sheet_show_error(p->sheet, error);
                return;
        }
        char *text = g_strndup((const char *) words->data, words->size);
        show_words(p, text);
        explicit_bzero(text, strlen(text));
        g_free(text);
}

static void on_proof(const struct proof *proof, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct recovery_code_page *p = userdata;
        int r = account_new_call(p->account, CRYPTO_SLOTS, "OfferRecovery", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", "recovery code");
        if (r >= 0)
                r = proof_append(m, proof);
        if (r >= 0)
                (void) calls_send(&p->calls, m, on_offered, p);
}

void recovery_code_page_push(struct sheet *s, struct account *a, void (*made)(void *userdata), void *userdata)
{
        struct recovery_code_page *p = g_new0(struct recovery_code_page, 1);

        *p = (struct recovery_code_page){ .made = made, .userdata = userdata, .sheet = s, .account = a };
        g_object_set_data_full(G_OBJECT(proof_page_push(s, a, PROOF_FACE_WITH_PIN, on_proof, p)), "recovery-code-page",
                               p, release);
}
