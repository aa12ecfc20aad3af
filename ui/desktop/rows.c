/* Rows of a list in a window of settings or people. */
#include "ui/desktop/rows.h"

#include <string.h>

#include "ui/desktop/parts.h"

struct row_list {
        AdwPreferencesGroup *group;
        GPtrArray *rows;
};

GtkWidget *row_new(const char *title, const char *subtitle)
{
        GtkWidget *row = adw_action_row_new();

        adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), false);
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
        adw_action_row_set_subtitle(ADW_ACTION_ROW(row), subtitle);
        adw_action_row_set_subtitle_lines(ADW_ACTION_ROW(row), 2);
        adw_action_row_set_title_lines(ADW_ACTION_ROW(row), 1);
        return row;
}

GtkWidget *row_person(const char *name, const char *address)
{
        g_autofree char *shown = g_strndup(address, strcspn(address, "#"));
        GtkWidget *row = row_new(name, shown);

        adw_action_row_set_subtitle_lines(ADW_ACTION_ROW(row), 1);
        adw_action_row_add_prefix(ADW_ACTION_ROW(row), adw_avatar_new(32, name, true));
        return row;
}

GtkWidget *row_button(GtkWidget *row, const char *label, const char *icon, const char *class)
{
        GtkWidget *button = icon ? gtk_button_new_from_icon_name(icon) : gtk_button_new_with_label(label);
        g_autofree char *name =
                g_strdup_printf("%s: %s", label, adw_preferences_row_get_title(ADW_PREFERENCES_ROW(row)));

        part_name(button, name);
        if (icon)
                gtk_widget_set_tooltip_text(button, label);
        if (class)
                gtk_widget_add_css_class(button, class);
        gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
        adw_action_row_add_suffix(ADW_ACTION_ROW(row), button);
        return button;
}

GtkWidget *row_link(const char *title, const char *subtitle)
{
        GtkWidget *row = row_new(title, subtitle), *arrow = gtk_image_new_from_icon_name("go-next-symbolic");

        adw_action_row_add_suffix(ADW_ACTION_ROW(row), arrow);
        gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), true);
        return row;
}

GtkWidget *row_entry(const char *title, const char *label, void (*act)(gpointer userdata), gpointer userdata)
{
        GtkWidget *row = adw_entry_row_new(), *button = gtk_button_new_with_label(label);
        g_autofree char *name = g_strdup_printf("%s: %s", label, title);

        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
        part_name(button, name);
        gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
        adw_entry_row_add_suffix(ADW_ENTRY_ROW(row), button);
        g_signal_connect_swapped(button, "clicked", G_CALLBACK(act), userdata);
        g_signal_connect_swapped(row, "entry-activated", G_CALLBACK(act), userdata);
        return row;
}

AdwPreferencesGroup *row_group(AdwPreferencesPage *page, const char *title, const char *description)
{
        AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP(adw_preferences_group_new());

        adw_preferences_group_set_title(group, title);
        adw_preferences_group_set_description(group, description);
        adw_preferences_page_add(page, group);
        return group;
}

static void row_list_free(gpointer userdata)
{
        struct row_list *l = userdata;

        g_ptr_array_unref(l->rows);
        g_free(l);
}

struct row_list *row_list_new(AdwPreferencesGroup *group)
{
        struct row_list *l = g_new0(struct row_list, 1);

        l->group = group;
        l->rows = g_ptr_array_new();
        g_object_set_data_full(G_OBJECT(group), "row-list", l, row_list_free);
        return l;
}

void row_list_clear(struct row_list *l)
{
        for (guint i = 0; i < l->rows->len; i++)
                adw_preferences_group_remove(l->group, g_ptr_array_index(l->rows, i));
        g_ptr_array_set_size(l->rows, 0);
}

void row_list_add(struct row_list *l, GtkWidget *row)
{
        adw_preferences_group_add(l->group, row);
        g_ptr_array_add(l->rows, row);
}

void row_set_subject(GtkWidget *row, const char *subject)
{
        g_object_set_data_full(G_OBJECT(row), "subject", g_strdup(subject), g_free);
}

const char *row_subject(GtkWidget *row)
{
        return g_object_get_data(G_OBJECT(row), "subject");
}

char *person_name(const char *address, const char *nickname)
{
        return nickname && *nickname ? g_strdup(nickname) : g_strndup(address, strcspn(address, "@"));
}

bool is_same_person(const char *a, const char *b)
{
        size_t n = strcspn(a, "#");

        return n == strcspn(b, "#") && strncmp(a, b, n) == 0;
}
