/* The sign-up page. */
#include "ui/desktop/sign_up_page.h"

#include <string.h>

#include "services/address.h"
#include "services/bus.h"
#include "ui/desktop/face_step.h"
#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/pin_choice.h"
#include "ui/desktop/pin_field.h"

struct sign_up_page {
        const struct sign_up_page_events *events;
        void *userdata;
        sd_bus *bus;
        bool may_leave;
        GtkStack *steps;
        GtkWidget *back;
        AdwWindowTitle *title;

        GtkWidget *name;
        GtkWidget *hub;
        GtkWidget *invitation;
        GtkLabel *verdict; /* about the address */
        GtkWidget *to_pin;
        struct notice *address_notice;
        char address[ADDRESS_TEXT_MAX]; /* "" unless both fields make one */

        GtkWidget *pin;
        GtkWidget *again;
        GtkLevelBar *strength;
        GtkLabel *judgement;
        GtkWidget *to_face;
        struct notice *pin_notice;

        struct face_step *face;
};

static void say(GtkLabel *label, const char *class, const char *text)
{
        static const char *const classes[] = { "dim-label", "error", "success", "warning", NULL };

        for (unsigned i = 0; classes[i]; i++)
                gtk_widget_remove_css_class(GTK_WIDGET(label), classes[i]);
        gtk_widget_add_css_class(GTK_WIDGET(label), class);
        gtk_label_set_text(label, text);
}

static const char *text_of(GtkWidget *entry)
{
        return gtk_editable_get_text(GTK_EDITABLE(entry));
}

static void show_step(struct sign_up_page *p, const char *step, const char *title)
{
        part_show_page(p->steps, step);
        adw_window_title_set_subtitle(p->title, title);
        gtk_widget_set_visible(p->back, p->may_leave || strcmp(step, "address") != 0);
}

static void show_address_step(struct sign_up_page *p)
{
        show_step(p, "address", "Step 1 of 3");
        gtk_widget_grab_focus(p->name);
}

static void show_pin_step(struct sign_up_page *p)
{
        show_step(p, "pin", "Step 2 of 3");
        pin_field_clear(p->pin);
        pin_field_clear(p->again);
        gtk_widget_grab_focus(p->pin);
}

/* A whole address that was pasted into one of the fields is spread over both. */
static bool spread(struct sign_up_page *p)
{
        const char *name = text_of(p->name), *hub = text_of(p->hub), *whole = strchr(name, '@') ? name : hub;
        const char *at = strchr(whole, '@');

        if (!at)
                return false;
        g_autofree char *left = g_strndup(whole, (gsize) (at - whole)), *right = g_strdup(at + 1);
        gtk_editable_set_text(GTK_EDITABLE(p->name), left);
        if (*right)
                gtk_editable_set_text(GTK_EDITABLE(p->hub), right);
        else
                gtk_widget_grab_focus(p->hub);
        return true;
}

static void judge_address(struct sign_up_page *p)
{
        g_autofree char *name = g_strstrip(g_strdup(text_of(p->name))), *hub = g_strstrip(g_strdup(text_of(p->hub)));
        g_autofree char *text = g_strdup_printf("%s@%s", name, hub), *shown = NULL;
        const char *reason = NULL;
        struct address a;

        p->address[0] = '\0';
        if (!*name || !*hub) {
                say(p->verdict, "dim-label", *name ? "Which hub? Whoever runs it gives you its address." : "");
        } else if (address_parse(text, &a, &reason) < 0) {
                say(p->verdict, "error", reason);
        } else {
                address_format(&a, true, p->address);
                if (a.has_key) {
                        shown = g_strdup_printf("%s@%s will be your address.", a.name, a.host);
                        say(p->verdict, "success", shown);
                } else {
                        say(p->verdict, "warning",
                            "This works, but without #KEY at the end the hub is trusted as it is met the first time. "
                            "Ask whoever runs it for the whole address.");
                }
        }
        gtk_widget_set_sensitive(p->to_pin, *p->address != '\0');
}

static void on_address_changed(struct sign_up_page *p)
{
        if (spread(p))
                return; /* it has come here again for the parts */
        notice_hide(p->address_notice);
        judge_address(p);
}

static void on_to_pin(struct sign_up_page *p)
{
        if (*p->address)
                show_pin_step(p);
}

static void judge_pin(struct sign_up_page *p)
{
        gtk_widget_set_sensitive(p->to_face, pin_choice_judge(p->pin, p->again, p->strength, p->judgement));
}

static void on_pin_changed(struct sign_up_page *p)
{
        judge_pin(p);
}

/* What stands in the field, without the spaces that were copied with it; NULL for nothing. It stays there, so that it
 * need not be found again if the sign-up fails. */
static struct secret *invitation_of(struct sign_up_page *p)
{
        struct bytes token = pin_field_bytes(p->invitation);

        while (token.size > 0 && g_ascii_isspace(token.data[0]))
                token = BYTES(token.data + 1, token.size - 1);
        while (token.size > 0 && g_ascii_isspace(token.data[token.size - 1]))
                token.size--;
        return token.size > 0 ? secret_copy(token) : NULL;
}

static void on_to_face(struct sign_up_page *p)
{
        if (!gtk_widget_is_sensitive(p->to_face))
                return;
        _cleanup_secret_ struct secret *invitation = invitation_of(p);
        const struct login_request request = { .address = p->address, .invitation = invitation };
        struct secret *pin = pin_field_take(p->pin);

        pin_field_clear(p->again);
        notice_hide(p->pin_notice);
        show_step(p, "face", "Step 3 of 3");
        if (face_step_start(p->face, p->bus, &request, pin) >= 0)
                return;
        show_pin_step(p);
        notice_show(p->pin_notice, "dialog-warning-symbolic", "The sign-up could not be started",
                    "The message bus does not take the call. Try again.");
}

/* Whether the sign-up was refused for what stands in the first step. */
static bool is_about_address(const sd_bus_error *error)
{
        return sd_bus_error_has_name(error, ERROR_EXISTS) || sd_bus_error_has_name(error, ERROR_HUB) ||
               sd_bus_error_has_name(error, ERROR_INVALID_ARGUMENT);
}

static void on_done(const char *path, const sd_bus_error *error, void *userdata)
{
        struct sign_up_page *p = userdata;

        if (!error) {
                p->events->signed_up(path, p->userdata);
        } else if (is_about_address(error)) {
                show_address_step(p);
                notice_show_error(p->address_notice, error);
        } else {
                show_pin_step(p);
                notice_show_error(p->pin_notice, error);
        }
}

static void on_cancelled(void *userdata)
{
        show_pin_step(userdata);
}

static const struct face_step_events face_events = { .done = on_done, .cancelled = on_cancelled };

void sign_up_page_back(struct sign_up_page *p)
{
        const char *step = gtk_stack_get_visible_child_name(p->steps);

        if (strcmp(step, "face") == 0) {
                face_step_stop(p->face);
                show_pin_step(p);
        } else if (strcmp(step, "pin") == 0) {
                pin_field_clear(p->pin);
                pin_field_clear(p->again);
                show_address_step(p);
        } else if (p->may_leave) {
                p->events->left(p->userdata);
        }
}

static void release(gpointer userdata)
{
        struct sign_up_page *p = userdata;

        sd_bus_unref(p->bus);
        g_free(p);
}

static void connect_signals(struct sign_up_page *p)
{
        g_signal_connect_swapped(p->back, "clicked", G_CALLBACK(sign_up_page_back), p);
        g_signal_connect_swapped(p->name, "changed", G_CALLBACK(on_address_changed), p);
        g_signal_connect_swapped(p->hub, "changed", G_CALLBACK(on_address_changed), p);
        g_signal_connect_swapped(p->name, "entry-activated", G_CALLBACK(gtk_widget_grab_focus), p->hub);
        g_signal_connect_swapped(p->hub, "entry-activated", G_CALLBACK(on_to_pin), p);
        g_signal_connect_swapped(p->invitation, "entry-activated", G_CALLBACK(on_to_pin), p);
        g_signal_connect_swapped(p->to_pin, "clicked", G_CALLBACK(on_to_pin), p);
        g_signal_connect_swapped(p->pin, "changed", G_CALLBACK(on_pin_changed), p);
        g_signal_connect_swapped(p->again, "changed", G_CALLBACK(on_pin_changed), p);
        g_signal_connect_swapped(p->pin, "activate", G_CALLBACK(gtk_widget_grab_focus), p->again);
        g_signal_connect_swapped(p->again, "activate", G_CALLBACK(on_to_face), p);
        g_signal_connect_swapped(p->to_face, "clicked", G_CALLBACK(on_to_face), p);
}

struct sign_up_page *sign_up_page_new(GtkStack *parent, const char *name, const struct sign_up_page_events *events,
                                      void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "sign-up-page.ui");
        struct sign_up_page *p = g_new0(struct sign_up_page, 1);
        GtkWidget *root = part(builder, "root");

        p->events = events;
        p->userdata = userdata;
        p->steps = GTK_STACK(part(builder, "steps"));
        p->back = part(builder, "back");
        p->title = ADW_WINDOW_TITLE(part(builder, "title"));
        p->name = part(builder, "name");
        p->hub = part(builder, "hub");
        p->invitation = part(builder, "invitation");
        p->verdict = GTK_LABEL(part(builder, "verdict"));
        p->to_pin = part(builder, "to_pin");
        p->address_notice = notice_new(GTK_BOX(part(builder, "address_notice")));
        p->pin = part(builder, "pin");
        p->again = part(builder, "again");
        p->strength = GTK_LEVEL_BAR(part(builder, "strength"));
        p->judgement = GTK_LABEL(part(builder, "judgement"));
        p->to_face = part(builder, "to_face");
        p->pin_notice = notice_new(GTK_BOX(part(builder, "pin_notice")));
        p->face = face_step_new(GTK_BOX(part(builder, "face")), &face_events, p);
        pin_field_prepare(p->invitation);
        pin_field_prepare(p->pin);
        pin_field_prepare(p->again);
        connect_signals(p);
        g_object_set_data_full(G_OBJECT(root), "sign-up-page", p, release);
        gtk_stack_add_named(parent, root, name);
        return p;
}

void sign_up_page_start(struct sign_up_page *p, sd_bus *bus, bool may_leave)
{
        sign_up_page_stop(p);
        p->bus = sd_bus_ref(bus);
        p->may_leave = may_leave;
        show_address_step(p);
}

void sign_up_page_stop(struct sign_up_page *p)
{
        face_step_stop(p->face);
        gtk_editable_set_text(GTK_EDITABLE(p->name), "");
        gtk_editable_set_text(GTK_EDITABLE(p->hub), "");
        pin_field_clear(p->invitation);
        pin_field_clear(p->pin);
        pin_field_clear(p->again);
        notice_hide(p->address_notice);
        notice_hide(p->pin_notice);
        p->bus = sd_bus_unref(p->bus);
}
