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
        struct login *login;
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

static void on_changed(struct login *l, const struct attempt_view *attempt, void *userdata)
{
        struct face_step *s = userdata;

        if (!s->previewed && attempt->state > ATTEMPT_STARTING && attempt->state < ATTEMPT_SUCCEEDED)
                s->previewed = login_open_preview(l, on_preview, s) >= 0;
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

static void on_cancel(struct face_step *s)
{
        face_step_stop(s);
        s->events->cancelled(s->userdata);
}

static void release(gpointer userdata)
{
        struct face_step *s = userdata;

        login_free(s->login);
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

int face_step_start(struct face_step *s, sd_bus *bus, const struct login_request *request, struct secret *pin)
{
        face_step_stop(s);
        s->sign_up = !request->account;
        say(s->prompt, "Starting the camera …");
        gtk_widget_grab_focus(s->cancel);
        return login_start(bus, request, pin, &login_events, s, &s->login);
}

void face_step_stop(struct face_step *s)
{
        s->login = login_free(s->login);
        s->previewed = false;
        face_view_clear(s->view);
        say(s->hint, "");
        gtk_widget_set_visible(s->spinner, false);
        gtk_widget_set_visible(s->virtual, false);
}
