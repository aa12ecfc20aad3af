/* Whose account it is. */
#include "ui/desktop/who_step.h"

#include <string.h>

#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"

struct who_step {
        const struct who_step_events *events;
        void *userdata;
        GtkListBox *accounts;
        GtkWidget *recognise;
        struct notice *notice;
};

static void on_row(struct who_step *s, GtkListBoxRow *row)
{
        s->events->chosen((size_t) gtk_list_box_row_get_index(row), s->userdata);
}

static void on_recognise(struct who_step *s)
{
        s->events->recognise(s->userdata);
}

static void on_sign_up(struct who_step *s)
{
        s->events->sign_up(s->userdata);
}

struct who_step *who_step_new(GtkBox *parent, const struct who_step_events *events, void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "who-step.ui");
        struct who_step *s = g_new0(struct who_step, 1);
        GtkWidget *root = part(builder, "root");

        s->events = events;
        s->userdata = userdata;
        s->accounts = GTK_LIST_BOX(part(builder, "accounts"));
        s->recognise = part(builder, "recognise");
        s->notice = notice_new(GTK_BOX(part(builder, "notice")));
        g_signal_connect_swapped(s->accounts, "row-activated", G_CALLBACK(on_row), s);
        g_signal_connect_swapped(s->recognise, "clicked", G_CALLBACK(on_recognise), s);
        g_signal_connect_swapped(part(builder, "sign_up"), "clicked", G_CALLBACK(on_sign_up), s);
        g_object_set_data_full(G_OBJECT(root), "who-step", s, g_free);
        gtk_box_append(parent, root);
        return s;
}

/* The address without the hub's key, which is for programs; before it what the owner calls the account. */
static char *describe(const struct account_entry *a)
{
        g_autofree char *address = g_strndup(a->address, strcspn(a->address, "#"));

        return *a->label ? g_strdup_printf("%s · %s", a->label, address) : g_strdup(address);
}

static void add_row(struct who_step *s, const struct account_entry *a)
{
        g_autofree char *name = g_strndup(a->address, strcspn(a->address, "@")), *subtitle = describe(a);
        GtkWidget *row = adw_action_row_new();

        adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), false);
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), name);
        adw_action_row_set_subtitle(ADW_ACTION_ROW(row), subtitle);
        adw_action_row_set_subtitle_lines(ADW_ACTION_ROW(row), 1);
        adw_action_row_add_prefix(ADW_ACTION_ROW(row), adw_avatar_new(32, name, true));
        adw_action_row_add_suffix(ADW_ACTION_ROW(row), gtk_image_new_from_icon_name("go-next-symbolic"));
        gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), true);
        gtk_list_box_append(s->accounts, row);
}

void who_step_start(struct who_step *s, const struct account_entry *list, size_t n)
{
        GtkWidget *row;

        while ((row = gtk_widget_get_first_child(GTK_WIDGET(s->accounts))))
                gtk_list_box_remove(s->accounts, row);
        for (size_t i = 0; i < n; i++)
                add_row(s, &list[i]);
        notice_hide(s->notice);
}

void who_step_say_error(struct who_step *s, const sd_bus_error *error)
{
        if (error)
                notice_show_error(s->notice, error);
        else
                notice_hide(s->notice);
}

void who_step_say(struct who_step *s, const char *icon, const char *title, const char *text)
{
        notice_show(s->notice, icon, title, text);
}

void who_step_focus(struct who_step *s)
{
        gtk_widget_grab_focus(s->recognise);
}
