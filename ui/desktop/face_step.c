/* The person before the camera. */
#include "ui/desktop/face_step.h"

#include "services/bus.h"
#include "services/cleanup.h"
#include "ui/desktop/face_view.h"
#include "ui/desktop/parts.h"

struct face_step {
        const struct face_step_events *events;
        void *userdata;
        struct face_view *view;
        GtkLabel *prompt;
        GtkLabel *hint;
        GtkWidget *spinner;
        GtkWidget *virtual; /* says that the camera is none */
        GtkLabel *virtual_text;
        GtkWidget *cancel;
        struct login *login; /* one of the two while something is under way */
        struct attempt *attempt;
        enum attempt_kind kind; /* … of @attempt */
        bool sign_up;
        bool previewed; /* the pictures have been asked for */
};

static const char *words(const struct attempt_view *a)
{
        if (*a->prompt_text)
                return a->prompt_text;
        switch (a->state) {
        case ATTEMPT_STARTING:
                return "Starting the camera …";
        case ATTEMPT_SEARCHING:
                return "Look into the camera.";
        case ATTEMPT_CHALLENGE:
                return "Hold still …";
        case ATTEMPT_SUCCEEDED:
        case ATTEMPT_FAILED:
        case ATTEMPT_CANCELLED:
                break;
        }
        return "";
}

static void say(GtkLabel *label, const char *text)
{
        if (g_strcmp0(gtk_label_get_text(label), text) != 0)
                gtk_label_set_text(label, text);
}

/* Without a preview the prompts are still enough. While the camera is being opened authd answers Busy: the next change
 * is the time to ask again. */
static void on_preview(int fd, const sd_bus_error *error, void *userdata)
{
        struct face_step *s = userdata;

        if (!error)
                (void) face_view_open(s->view, fd);
        else if (sd_bus_error_has_name(error, ERROR_BUSY))
                s->previewed = false;
}

static int open_preview(struct face_step *s)
{
        return s->login ? login_open_preview(s->login, on_preview, s) : attempt_open_preview(s->attempt, on_preview, s);
}

static void show(struct face_step *s, const struct attempt_view *attempt)
{
        if (!s->previewed && attempt->state > ATTEMPT_STARTING && attempt->state < ATTEMPT_SUCCEEDED)
                s->previewed = open_preview(s) >= 0;
        face_view_set(s->view, attempt);
        say(s->prompt, words(attempt));
        say(s->hint, attempt->hint);
        gtk_widget_set_visible(s->virtual, attempt->virtual);
        if (attempt->virtual) {
                g_autofree char *text =
                        g_strdup_printf("The camera “%s” is virtual: a file, not a device.", attempt->camera);
                say(s->virtual_text, text);
        }
}

/* A log-in or sign-up. */

static void on_changed(struct login *l, const struct attempt_view *attempt, void *userdata)
{
        show(userdata, attempt);
}

static void on_opening(struct login *l, void *userdata)
{
        struct face_step *s = userdata;

        say(s->prompt, s->sign_up ? "Your face is enrolled. Making the vault and registering the name …"
                                  : "That is you. Opening the vault …");
        say(s->hint, "");
        gtk_widget_set_visible(s->spinner, true);
}

static void on_done(struct login *l, const char *path, const sd_bus_error *error, void *userdata)
{
        struct face_step *s = userdata;

        face_view_clear(s->view);
        s->events->done(path, error, s->userdata);
}

static const struct login_events login_events = { .changed = on_changed, .opening = on_opening, .done = on_done };

/* An attempt alone. */

static void finish(struct face_step *s, const struct attempt_view *view, struct bytes ticket, const sd_bus_error *error)
{
        face_view_clear(s->view);
        s->events->seen(view, ticket, error, s->userdata);
}

static void on_ticket(struct bytes ticket, const sd_bus_error *error, void *userdata)
{
        finish(userdata, NULL, ticket, error);
}

static void on_attempt(struct attempt *a, const struct attempt_view *view, void *userdata)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct face_step *s = userdata;
        int r = 0;

        if (view->state < ATTEMPT_SUCCEEDED) {
                show(s, view);
                return;
        }
        if (view->state != ATTEMPT_SUCCEEDED)
                attempt_failure(view, &error);
        else if (s->kind == ATTEMPT_VERIFY && (r = attempt_take_ticket(a, on_ticket, s)) >= 0)
                return;
        if (r < 0)
                sd_bus_error_set_errno(&error, r);
        finish(s, view, BYTES(NULL, 0), sd_bus_error_is_set(&error) ? &error : NULL);
}

static void on_broken(struct attempt *a, const sd_bus_error *error, void *userdata)
{
        finish(userdata, NULL, BYTES(NULL, 0), error);
}

static const struct attempt_events attempt_events = { .changed = on_attempt, .broken = on_broken };

static void on_cancel(struct face_step *s)
{
        face_step_stop(s);
        s->events->cancelled(s->userdata);
}

static void release(gpointer userdata)
{
        struct face_step *s = userdata;

        login_free(s->login);
        attempt_free(s->attempt);
        g_free(s);
}

struct face_step *face_step_new(GtkBox *parent, const struct face_step_events *events, void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "face-step.ui");
        struct face_step *s = g_new0(struct face_step, 1);
        GtkWidget *root = part(builder, "root");

        s->events = events;
        s->userdata = userdata;
        s->view = face_view_new(GTK_BOX(part(builder, "picture")));
        s->prompt = GTK_LABEL(part(builder, "prompt"));
        s->hint = GTK_LABEL(part(builder, "hint"));
        s->spinner = part(builder, "spinner");
        s->virtual = part(builder, "virtual");
        s->virtual_text = GTK_LABEL(part(builder, "virtual_text"));
        s->cancel = part(builder, "cancel");
        g_signal_connect_swapped(s->cancel, "clicked", G_CALLBACK(on_cancel), s);
        g_object_set_data_full(G_OBJECT(root), "face-step", s, release);
        gtk_box_append(parent, root);
        return s;
}

static void begin(struct face_step *s)
{
        face_step_stop(s);
        say(s->prompt, "Starting the camera …");
        gtk_widget_grab_focus(s->cancel);
}

int face_step_start(struct face_step *s, sd_bus *bus, const struct login_request *request, struct secret *pin)
{
        begin(s);
        s->sign_up = !request->account;
        return login_start(bus, request, pin, &login_events, s, &s->login);
}

int face_step_look(struct face_step *s, sd_bus *bus, const struct attempt_request *request)
{
        begin(s);
        s->kind = request->kind;
        return attempt_start(bus, request, &attempt_events, s, &s->attempt);
}

void face_step_stop(struct face_step *s)
{
        s->login = login_free(s->login);
        s->attempt = attempt_free(s->attempt);
        s->previewed = false;
        face_view_clear(s->view);
        say(s->hint, "");
        gtk_widget_set_visible(s->spinner, false);
        gtk_widget_set_visible(s->virtual, false);
}
