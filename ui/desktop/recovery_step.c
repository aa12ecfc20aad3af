/* Into an account without the camera. */
#include "ui/desktop/recovery_step.h"

#include <string.h>

#include "services/bus.h"
#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/pin_field.h"

struct recovery_step {
        const struct recovery_step_events *events;
        void *userdata;
        GtkLabel *title, *explanation;
        GtkWidget *words, *open, *spinner;
        struct notice *notice;
        sd_bus *bus;
        char *account, *path;
        const char *kind;
        struct login *login; /* NULL unless the vault is being opened */
};

static void set_busy(struct recovery_step *s, bool busy)
{
        gtk_widget_set_visible(s->spinner, busy);
        gtk_widget_set_sensitive(s->words, !busy);
        gtk_widget_set_sensitive(s->open, !busy && pin_field_bytes(s->words).size >= PIN_SIZE_MIN);
}

static void on_done(struct login *l, const char *path, const sd_bus_error *error, void *userdata)
{
        struct recovery_step *s = userdata;

        if (!error) {
                s->events->unlocked(path, s->userdata);
                return;
        }
        s->login = login_free(s->login);
        set_busy(s, false);
        if (sd_bus_error_has_name(error, ERROR_WRONG_FACTOR))
                notice_show(s->notice, "dialog-password-symbolic", "That does not open it", error->message);
        else
                notice_show_error(s->notice, error);
        gtk_widget_grab_focus(s->words);
}

static const struct login_events login_events = { .done = on_done };

static void on_open(struct recovery_step *s)
{
        const struct login_request request = { .account = s->account, .path = s->path, .without_face = s->kind };

        if (!gtk_widget_is_sensitive(s->open))
                return;
        notice_hide(s->notice);
        if (login_start(s->bus, &request, pin_field_take(s->words), &login_events, s, &s->login) < 0)
                notice_show(s->notice, "dialog-warning-symbolic", "The log-in could not be started",
                            "The message bus does not take the call. Try again.");
        else
                set_busy(s, true);
}

static void on_changed(struct recovery_step *s)
{
        set_busy(s, s->login != NULL);
}

static void on_back(struct recovery_step *s)
{
        s->events->back(s->userdata);
}

static void release(gpointer userdata)
{
        struct recovery_step *s = userdata;

        login_free(s->login);
        sd_bus_unref(s->bus);
        g_free(s->account);
        g_free(s->path);
        g_free(s);
}

struct recovery_step *recovery_step_new(GtkBox *parent, const struct recovery_step_events *events, void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "recovery-step.ui");
        struct recovery_step *s = g_new0(struct recovery_step, 1);
        GtkWidget *root = part(builder, "root");

        s->events = events;
        s->userdata = userdata;
        s->title = GTK_LABEL(part(builder, "title"));
        s->explanation = GTK_LABEL(part(builder, "explanation"));
        s->words = part(builder, "words");
        s->open = part(builder, "open");
        s->spinner = part(builder, "spinner");
        s->notice = notice_new(GTK_BOX(part(builder, "notice")));
        pin_field_prepare(s->words);
        g_signal_connect_swapped(s->words, "changed", G_CALLBACK(on_changed), s);
        g_signal_connect_swapped(s->words, "activate", G_CALLBACK(on_open), s);
        g_signal_connect_swapped(s->open, "clicked", G_CALLBACK(on_open), s);
        g_signal_connect_swapped(part(builder, "back"), "clicked", G_CALLBACK(on_back), s);
        g_object_set_data_full(G_OBJECT(root), "recovery-step", s, release);
        gtk_box_append(parent, root);
        return s;
}

void recovery_step_start(struct recovery_step *s, sd_bus *bus, const char *account, const char *path, const char *kind)
{
        bool code = strcmp(kind, "recovery") == 0;
        const char *what = code ? "Recovery code" : "Passphrase";

        recovery_step_stop(s);
        s->bus = sd_bus_ref(bus);
        s->account = g_strdup(account);
        s->path = g_strdup(path);
        s->kind = code ? "recovery" : "passphrase";
        gtk_label_set_text(s->title, code ? "Recovery Code" : "Passphrase Alone");
        gtk_label_set_text(s->explanation,
                           code ? "Type the fifteen words that you wrote down; four letters of each are enough. "
                                  "Afterwards, choose a new PIN in the preferences."
                                : "This passphrase opens the account without the camera.");
        g_object_set(s->words, "placeholder-text", what, NULL);
        part_name(s->words, what);
        gtk_widget_grab_focus(s->words);
}

void recovery_step_stop(struct recovery_step *s)
{
        s->login = login_free(s->login);
        pin_field_clear(s->words);
        set_busy(s, false);
        notice_hide(s->notice);
        s->bus = sd_bus_unref(s->bus);
        g_clear_pointer(&s->account, g_free);
        g_clear_pointer(&s->path, g_free);
}
