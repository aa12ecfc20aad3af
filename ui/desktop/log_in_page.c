/* The log-in page. */
#include "ui/desktop/log_in_page.h"

#include <stdlib.h>
#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/face_step.h"
#include "ui/desktop/lock_out.h"
#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/pin_field.h"
#include "ui/desktop/recovery_step.h"
#include "ui/desktop/who_step.h"

/* One of the accounts to choose from. */
struct choice {
        char *path;
        char *id;
        char *address;
};

struct log_in_page {
        const struct log_in_page_events *events;
        void *userdata;
        sd_bus *bus;
        GtkStack *steps;
        AdwAvatar *avatar;
        GtkLabel *greeting;
        GtkLabel *address;
        GtkWidget *pin;
        GtkWidget *log_in;
        GtkWidget *somebody_else, *sign_up;
        GtkWidget *use_recovery, *use_passphrase; /* there if such a slot is */
        struct notice *notice;
        struct who_step *who;
        struct face_step *face;
        struct recovery_step *recovery;
        struct lock_out *lock_out;
        struct calls calls; /* about the chosen account */
        GPtrArray *choices; /* struct choice */
        struct choice *chosen;
};

static void choice_free(gpointer p)
{
        struct choice *c = p;

        g_free(c->path);
        g_free(c->id);
        g_free(c->address);
        g_free(c);
}

/* The PIN of the chosen account. */

static void judge(struct log_in_page *p)
{
        gtk_widget_set_sensitive(p->log_in,
                                 pin_field_bytes(p->pin).size >= PIN_SIZE_MIN && lock_out_seconds(p->lock_out) == 0);
}

static void on_wait(void *userdata)
{
        struct log_in_page *p = userdata;
        g_autofree char *sentence = lock_out_sentence(p->lock_out);

        judge(p);
        if (lock_out_seconds(p->lock_out) > 0)
                notice_show(p->notice, "alarm-symbolic", "Too many attempts", sentence);
        else
                notice_hide(p->notice);
}

static void show_pin_step(struct log_in_page *p)
{
        part_show_page(p->steps, "pin");
        pin_field_clear(p->pin);
        judge(p);
        gtk_widget_grab_focus(p->pin);
}

/* What else opens the account, besides face and PIN. */
static void on_slots(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct log_in_page *p = userdata;
        const char *kind, *label;
        uint32_t number;
        uint64_t created;
        int r = error ? -1 : sd_bus_message_enter_container(reply, 'a', "(usst)");

        while (r >= 0 && (r = sd_bus_message_read(reply, "(usst)", &number, &kind, &label, &created)) > 0) {
                if (strcmp(kind, "recovery") == 0)
                        gtk_widget_set_visible(p->use_recovery, true);
                else if (strcmp(kind, "passphrase") == 0)
                        gtk_widget_set_visible(p->use_passphrase, true);
        }
}

static void choose(struct log_in_page *p, struct choice *c, const char *greeting)
{
        g_autofree char *name = g_strndup(c->address, strcspn(c->address, "@"));
        g_autofree char *address = g_strndup(c->address, strcspn(c->address, "#"));
        g_autofree char *words = g_strdup_printf("%s, %s", greeting, name);

        p->chosen = c;
        adw_avatar_set_text(p->avatar, name);
        gtk_label_set_text(p->greeting, words);
        gtk_label_set_text(p->address, address);
        notice_hide(p->notice);
        gtk_widget_set_visible(p->use_recovery, false);
        gtk_widget_set_visible(p->use_passphrase, false);
        calls_cancel(&p->calls);
        lock_out_ask(p->lock_out, p->bus, c->id);
        (void) calls_method(&p->calls, p->bus, CRYPTO_SERVICE, c->path, CRYPTO_SLOTS, "List", on_slots, p, "");
        show_pin_step(p);
}

static void on_pin_changed(struct log_in_page *p)
{
        judge(p);
}

static void on_log_in(struct log_in_page *p)
{
        if (!gtk_widget_is_sensitive(p->log_in) || !p->chosen)
                return;
        const struct login_request request = { .account = p->chosen->id, .path = p->chosen->path };
        struct secret *pin = pin_field_take(p->pin);

        notice_hide(p->notice);
        part_show_page(p->steps, "face");
        if (face_step_start(p->face, p->bus, &request, pin) >= 0)
                return;
        show_pin_step(p);
        notice_show(p->notice, "dialog-warning-symbolic", "The log-in could not be started",
                    "The message bus does not take the call. Try again.");
}

static void on_done(const char *path, const sd_bus_error *error, void *userdata)
{
        struct log_in_page *p = userdata;

        if (!error) {
                p->events->unlocked(path, p->userdata);
                return;
        }
        show_pin_step(p);
        notice_show_error(p->notice, error);
}

/* Whose account it is. */

static void show_who_step(struct log_in_page *p)
{
        p->chosen = NULL;
        lock_out_stop(p->lock_out);
        pin_field_clear(p->pin);
        part_show_page(p->steps, "who");
        who_step_focus(p->who);
}

static void on_chosen(size_t number, void *userdata)
{
        struct log_in_page *p = userdata;

        choose(p, g_ptr_array_index(p->choices, number), "Welcome back");
}

static void on_recognise(void *userdata)
{
        static const struct attempt_request request = { .kind = ATTEMPT_IDENTIFY };
        struct log_in_page *p = userdata;

        who_step_say_error(p->who, NULL);
        part_show_page(p->steps, "face");
        if (face_step_look(p->face, p->bus, &request) >= 0)
                return;
        show_who_step(p);
        who_step_say(p->who, "dialog-warning-symbolic", "The camera could not be asked",
                     "The message bus does not take the call. Choose your account.");
}

static void on_seen(const struct attempt_view *view, struct bytes ticket, const sd_bus_error *error, void *userdata)
{
        struct log_in_page *p = userdata;

        for (guint i = 0; !error && i < p->choices->len; i++) {
                struct choice *c = g_ptr_array_index(p->choices, i);

                if (strcmp(c->id, view->account) == 0) {
                        choose(p, c, "Hello");
                        return;
                }
        }
        show_who_step(p);
        if (!error)
                who_step_say(p->who, "avatar-default-symbolic", "Your account is not here",
                             "This face belongs to an account that cannot be opened here. Choose another one.");
        else if (sd_bus_error_has_name(error, CLIENT_ERROR_FACE))
                who_step_say(p->who, "avatar-default-symbolic", "You were not recognised", error->message);
        else
                who_step_say_error(p->who, error);
}

static void on_cancelled(void *userdata)
{
        struct log_in_page *p = userdata;

        if (p->chosen)
                show_pin_step(p);
        else
                show_who_step(p);
}

static void on_sign_up(void *userdata)
{
        struct log_in_page *p = userdata;

        p->events->sign_up(p->userdata);
}

/* Without the camera. */

static void show_recovery_step(struct log_in_page *p, const char *kind)
{
        if (!p->chosen)
                return;
        pin_field_clear(p->pin);
        part_show_page(p->steps, "recovery");
        recovery_step_start(p->recovery, p->bus, p->chosen->id, p->chosen->path, kind);
}

static void on_use_recovery(struct log_in_page *p)
{
        show_recovery_step(p, "recovery");
}

static void on_use_passphrase(struct log_in_page *p)
{
        show_recovery_step(p, "passphrase");
}

static void on_unlocked(const char *path, void *userdata)
{
        struct log_in_page *p = userdata;

        p->events->unlocked(path, p->userdata);
}

static void leave_recovery_step(void *userdata)
{
        struct log_in_page *p = userdata;

        recovery_step_stop(p->recovery);
        show_pin_step(p);
}

/* Life. */

static const struct face_step_events face_events = { .done = on_done, .seen = on_seen, .cancelled = on_cancelled };
static const struct who_step_events who_events = { .chosen = on_chosen,
                                                   .recognise = on_recognise,
                                                   .sign_up = on_sign_up };
static const struct recovery_step_events recovery_events = { .unlocked = on_unlocked, .back = leave_recovery_step };

static void release(gpointer userdata)
{
        struct log_in_page *p = userdata;

        calls_cancel(&p->calls);
        lock_out_free(p->lock_out);
        g_ptr_array_unref(p->choices);
        sd_bus_unref(p->bus);
        g_free(p);
}

static void take_parts(struct log_in_page *p, GtkBuilder *builder)
{
        p->steps = GTK_STACK(part(builder, "steps"));
        p->avatar = ADW_AVATAR(part(builder, "avatar"));
        p->greeting = GTK_LABEL(part(builder, "greeting"));
        p->address = GTK_LABEL(part(builder, "address"));
        p->pin = part(builder, "pin");
        p->log_in = part(builder, "log_in");
        p->somebody_else = part(builder, "somebody_else");
        p->sign_up = part(builder, "sign_up");
        p->use_recovery = part(builder, "use_recovery");
        p->use_passphrase = part(builder, "use_passphrase");
        p->notice = notice_new(GTK_BOX(part(builder, "notice")));
        p->who = who_step_new(GTK_BOX(part(builder, "who")), &who_events, p);
        p->face = face_step_new(GTK_BOX(part(builder, "face")), &face_events, p);
        p->recovery = recovery_step_new(GTK_BOX(part(builder, "recovery")), &recovery_events, p);
}

static void connect_signals(struct log_in_page *p)
{
        g_signal_connect_swapped(p->pin, "changed", G_CALLBACK(on_pin_changed), p);
        g_signal_connect_swapped(p->pin, "activate", G_CALLBACK(on_log_in), p);
        g_signal_connect_swapped(p->log_in, "clicked", G_CALLBACK(on_log_in), p);
        g_signal_connect_swapped(p->somebody_else, "clicked", G_CALLBACK(show_who_step), p);
        g_signal_connect_swapped(p->sign_up, "clicked", G_CALLBACK(on_sign_up), p);
        g_signal_connect_swapped(p->use_recovery, "clicked", G_CALLBACK(on_use_recovery), p);
        g_signal_connect_swapped(p->use_passphrase, "clicked", G_CALLBACK(on_use_passphrase), p);
}

struct log_in_page *log_in_page_new(GtkStack *parent, const char *name, const struct log_in_page_events *events,
                                    void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "log-in-page.ui");
        struct log_in_page *p = g_new0(struct log_in_page, 1);
        GtkWidget *root = part(builder, "root");

        p->events = events;
        p->userdata = userdata;
        p->choices = g_ptr_array_new_with_free_func(choice_free);
        p->lock_out = lock_out_new(on_wait, p);
        take_parts(p, builder);
        pin_field_prepare(p->pin);
        connect_signals(p);
        g_object_set_data_full(G_OBJECT(root), "log-in-page", p, release);
        gtk_stack_add_named(parent, root, name);
        return p;
}

void log_in_page_start(struct log_in_page *p, sd_bus *bus, const struct account_entry *list, size_t n, const char *last)
{
        struct choice *first = NULL;

        log_in_page_stop(p);
        p->bus = sd_bus_ref(bus);
        for (size_t i = 0; i < n; i++) {
                struct choice *c = g_new0(struct choice, 1);

                *c = (struct choice){ g_strdup(list[i].path), g_strdup(list[i].id), g_strdup(list[i].address) };
                g_ptr_array_add(p->choices, c);
                if (n == 1 || g_strcmp0(last, c->path) == 0)
                        first = c;
        }
        who_step_start(p->who, list, n);
        gtk_widget_set_visible(p->somebody_else, n > 1);
        gtk_widget_set_visible(p->sign_up, n == 1);
        if (first)
                choose(p, first, "Welcome back");
        else
                show_who_step(p);
}

void log_in_page_say(struct log_in_page *p, const char *icon, const char *title, const char *text)
{
        if (p->chosen)
                notice_show(p->notice, icon, title, text);
        else
                who_step_say(p->who, icon, title, text);
}

void log_in_page_back(struct log_in_page *p)
{
        const char *step = gtk_stack_get_visible_child_name(p->steps);

        if (strcmp(step, "face") == 0) {
                face_step_stop(p->face);
                on_cancelled(p);
        } else if (strcmp(step, "recovery") == 0) {
                leave_recovery_step(p);
        } else if (strcmp(step, "pin") == 0 && p->choices->len > 1) {
                show_who_step(p);
        }
}

void log_in_page_stop(struct log_in_page *p)
{
        calls_cancel(&p->calls);
        lock_out_stop(p->lock_out);
        face_step_stop(p->face);
        recovery_step_stop(p->recovery);
        pin_field_clear(p->pin);
        notice_hide(p->notice);
        p->chosen = NULL;
        g_ptr_array_set_size(p->choices, 0);
        p->bus = sd_bus_unref(p->bus);
}
