/* A fresh proof that it is the account's owner. */
#include "ui/desktop/proof_page.h"

#include <string.h>

#include "services/cleanup.h"
#include "ui/desktop/face_step.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/pin_field.h"
#include "ui/desktop/rows.h"

struct proof_page {
        void (*done)(const struct proof *p, void *userdata);
        void *userdata;
        struct sheet *sheet;
        struct account *account;
        enum proof_face face;
        bool recovery;
        GtkStack *steps;
        GtkWidget *field, *go, *other;
        struct face_step *camera;
        struct secret *factor;
};

int proof_append(sd_bus_message *m, const struct proof *p)
{
        _cleanup_close_ int fd = -1;
        int r = secret_to_fd(p->factor, &fd);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", p->kind);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', p->ticket.data, p->ticket.size);
        return r < 0 ? r : sd_bus_message_append(m, "h", fd);
}

static void show_question(struct proof_page *p)
{
        const char *what = p->recovery ? "Recovery code" : "PIN or passphrase";

        part_show_page(p->steps, "ask");
        pin_field_clear(p->field);
        g_object_set(p->field, "placeholder-text", what, NULL);
        part_name(p->field, what);
        gtk_button_set_label(GTK_BUTTON(p->other),
                             p->recovery ? "Use the PIN Instead" : "Use the Recovery Code Instead");
        gtk_widget_grab_focus(p->field);
}

static void finish(struct proof_page *p, struct bytes ticket)
{
        const struct proof proof = { p->recovery ? "recovery" : "face", ticket, p->factor };

        show_question(p);
        p->done(&proof, p->userdata);
}

static void on_seen(const struct attempt_view *view, struct bytes ticket, const sd_bus_error *error, void *userdata)
{
        struct proof_page *p = userdata;

        if (!error) {
                finish(p, ticket);
                return;
        }
        show_question(p);
        sheet_show_error(p->sheet, error);
}

static void on_cancelled(void *userdata)
{
        show_question(userdata);
}

static const struct face_step_events events = { .seen = on_seen, .cancelled = on_cancelled };

static void on_go(struct proof_page *p)
{
        const struct attempt_request request = { .kind = p->face == PROOF_FACE_ANEW ? ATTEMPT_ENROL : ATTEMPT_VERIFY,
                                                 .account = account_id(p->account) };

        if (!gtk_widget_is_sensitive(p->go))
                return;
        sheet_hide(p->sheet);
        secret_free(p->factor);
        p->factor = pin_field_take(p->field);
        if (p->recovery && p->face == PROOF_FACE_WITH_PIN) {
                finish(p, BYTES(NULL, 0));
                return;
        }
        part_show_page(p->steps, "face");
        (void) face_step_look(p->camera, account_bus(p->account), &request);
}

static void on_typed(struct proof_page *p)
{
        gtk_widget_set_sensitive(p->go, pin_field_bytes(p->field).size >= PIN_SIZE_MIN);
}

static void on_other(struct proof_page *p)
{
        p->recovery = !p->recovery;
        show_question(p);
}

static void release(gpointer userdata)
{
        struct proof_page *p = userdata;

        secret_free(p->factor);
        g_free(p);
}

static GtkWidget *question_page(struct proof_page *p)
{
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());
        AdwPreferencesGroup *group =
                row_group(page, "Is It You?", "What opens the account is changed by its owner alone.");

        p->field = gtk_password_entry_new();
        gtk_password_entry_set_show_peek_icon(GTK_PASSWORD_ENTRY(p->field), true);
        gtk_widget_add_css_class(p->field, "pin");
        pin_field_prepare(p->field);
        p->go = gtk_button_new_with_label("Continue");
        p->other = gtk_button_new_with_label("");
        gtk_widget_set_halign(p->go, GTK_ALIGN_CENTER);
        gtk_widget_set_margin_top(p->go, 18);
        gtk_widget_set_sensitive(p->go, false);
        gtk_widget_add_css_class(p->go, "pill");
        gtk_widget_add_css_class(p->go, "suggested-action");
        gtk_widget_set_halign(p->other, GTK_ALIGN_CENTER);
        gtk_widget_set_margin_top(p->other, 12);
        gtk_widget_add_css_class(p->other, "flat");
        adw_preferences_group_add(group, p->field);
        adw_preferences_group_add(group, p->go);
        adw_preferences_group_add(group, p->other);
        g_signal_connect_swapped(p->field, "changed", G_CALLBACK(on_typed), p);
        g_signal_connect_swapped(p->field, "activate", G_CALLBACK(on_go), p);
        g_signal_connect_swapped(p->go, "clicked", G_CALLBACK(on_go), p);
        g_signal_connect_swapped(p->other, "clicked", G_CALLBACK(on_other), p);
        return GTK_WIDGET(page);
}

GtkWidget *proof_page_push(struct sheet *s, struct account *a, enum proof_face face,
                           void (*done)(const struct proof *p, void *userdata), void *userdata)
{
        struct proof_page *p = g_new0(struct proof_page, 1);
        GtkWidget *steps = gtk_stack_new(), *camera = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);

        *p = (struct proof_page){ .done = done, .userdata = userdata, .sheet = s, .account = a, .face = face };
        p->steps = GTK_STACK(steps);
        p->recovery = face == PROOF_FACE_ANEW;
        g_object_set_data_full(G_OBJECT(steps), "proof-page", p, release);
        gtk_stack_set_hhomogeneous(p->steps, false);
        gtk_stack_add_named(p->steps, question_page(p), "ask");
        gtk_stack_add_named(p->steps, camera, "face");
        gtk_widget_set_visible(p->other, face != PROOF_FACE_ANEW);
        p->camera = face_step_new(GTK_BOX(camera), &events, p);
        sheet_push(s, "Confirm", steps);
        show_question(p);
        return steps;
}
