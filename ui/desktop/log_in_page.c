/* The log-in page. */
#include "ui/desktop/log_in_page.h"

#include <stdlib.h>

#include "services/address.h"
#include "services/cleanup.h"
#include "ui/desktop/face_step.h"
#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/pin_field.h"

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
        GtkListBox *accounts;
        GtkWidget *pin;
        GtkWidget *log_in;
        struct notice *notice;
        struct face_step *face;
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

static char *name_of(const char *address)
{
        return g_strndup(address, strcspn(address, "@"));
}

/* The address without the hub's key, which is for programs. */
static char *without_key(const char *address)
{
        return g_strndup(address, strcspn(address, "#"));
}

static void show_pin_step(struct log_in_page *p)
{
        part_show_page(p->steps, "pin");
        pin_field_clear(p->pin);
        gtk_widget_grab_focus(p->pin);
}

static void choose(struct log_in_page *p, struct choice *c)
{
        g_autofree char *name = name_of(c->address), *address = without_key(c->address);
        g_autofree char *greeting = g_strdup_printf("Welcome back, %s", name);

        p->chosen = c;
        adw_avatar_set_text(p->avatar, name);
        gtk_label_set_text(p->greeting, greeting);
        gtk_label_set_text(p->address, address);
}

static void on_row(struct log_in_page *p, GtkListBoxRow *row)
{
        choose(p, g_ptr_array_index(p->choices, (guint) gtk_list_box_row_get_index(row)));
        notice_hide(p->notice);
        show_pin_step(p);
}

static void on_pin_changed(struct log_in_page *p)
{
        gtk_widget_set_sensitive(p->log_in, pin_field_bytes(p->pin).size >= PIN_SIZE_MIN);
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

static void on_cancelled(void *userdata)
{
        show_pin_step(userdata);
}

static const struct face_step_events face_events = { .done = on_done, .cancelled = on_cancelled };

static void on_sign_up(struct log_in_page *p)
{
        p->events->sign_up(p->userdata);
}

static void release(gpointer userdata)
{
        struct log_in_page *p = userdata;

        g_ptr_array_unref(p->choices);
        sd_bus_unref(p->bus);
        g_free(p);
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
        p->steps = GTK_STACK(part(builder, "steps"));
        p->avatar = ADW_AVATAR(part(builder, "avatar"));
        p->greeting = GTK_LABEL(part(builder, "greeting"));
        p->address = GTK_LABEL(part(builder, "address"));
        p->accounts = GTK_LIST_BOX(part(builder, "accounts"));
        p->pin = part(builder, "pin");
        p->log_in = part(builder, "log_in");
        p->notice = notice_new(GTK_BOX(part(builder, "notice")));
        p->face = face_step_new(GTK_BOX(part(builder, "face")), &face_events, p);
        pin_field_prepare(p->pin);
        g_signal_connect_swapped(p->accounts, "row-activated", G_CALLBACK(on_row), p);
        g_signal_connect_swapped(p->pin, "changed", G_CALLBACK(on_pin_changed), p);
        g_signal_connect_swapped(p->pin, "activate", G_CALLBACK(on_log_in), p);
        g_signal_connect_swapped(p->log_in, "clicked", G_CALLBACK(on_log_in), p);
        g_signal_connect_swapped(part(builder, "sign_up"), "clicked", G_CALLBACK(on_sign_up), p);
        g_object_set_data_full(G_OBJECT(root), "log-in-page", p, release);
        gtk_stack_add_named(parent, root, name);
        return p;
}

static void add_row(struct log_in_page *p, const struct choice *c)
{
        g_autofree char *name = name_of(c->address), *address = without_key(c->address);
        GtkWidget *row = adw_action_row_new(), *avatar = adw_avatar_new(32, name, true);

        adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), false);
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), name);
        g_autofree char *subtitle = g_markup_escape_text(address, -1);
        adw_action_row_set_subtitle(ADW_ACTION_ROW(row), subtitle);
        adw_action_row_set_subtitle_lines(ADW_ACTION_ROW(row), 1);
        adw_action_row_add_prefix(ADW_ACTION_ROW(row), avatar);
        gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), true);
        gtk_list_box_append(p->accounts, row);
}

static void clear_choices(struct log_in_page *p)
{
        GtkWidget *row;

        while ((row = gtk_widget_get_first_child(GTK_WIDGET(p->accounts))))
                gtk_list_box_remove(p->accounts, row);
        p->chosen = NULL;
        g_ptr_array_set_size(p->choices, 0);
}

void log_in_page_start(struct log_in_page *p, sd_bus *bus, const struct account_entry *list, size_t n, const char *last)
{
        size_t chosen = 0;

        log_in_page_stop(p);
        p->bus = sd_bus_ref(bus);
        for (size_t i = 0; i < n; i++) {
                struct choice *c = g_new0(struct choice, 1);

                *c = (struct choice){ g_strdup(list[i].path), g_strdup(list[i].id), g_strdup(list[i].address) };
                g_ptr_array_add(p->choices, c);
                add_row(p, c);
                if (g_strcmp0(last, c->path) == 0)
                        chosen = i;
        }
        gtk_widget_set_visible(GTK_WIDGET(p->accounts), n > 1);
        gtk_list_box_select_row(p->accounts, gtk_list_box_get_row_at_index(p->accounts, (int) chosen));
        choose(p, g_ptr_array_index(p->choices, chosen));
        show_pin_step(p);
}

void log_in_page_say(struct log_in_page *p, const char *icon, const char *title, const char *text)
{
        notice_show(p->notice, icon, title, text);
}

void log_in_page_back(struct log_in_page *p)
{
        if (g_strcmp0(gtk_stack_get_visible_child_name(p->steps), "face") != 0)
                return;
        face_step_stop(p->face);
        show_pin_step(p);
}

void log_in_page_stop(struct log_in_page *p)
{
        face_step_stop(p->face);
        pin_field_clear(p->pin);
        notice_hide(p->notice);
        clear_choices(p);
        p->bus = sd_bus_unref(p->bus);
}
