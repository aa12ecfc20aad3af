/* A group. */
#include "ui/desktop/group_window.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/group_member_page.h"
#include "ui/desktop/group_people_page.h"
#include "ui/desktop/group_picture.h"
#include "ui/desktop/group_rights.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/question.h"
#include "ui/desktop/rows.h"
#include "ui/desktop/sheet.h"
#include "ui/desktop/trust_mark.h"

struct group_window {
        struct sheet *sheet;
        struct account *account;
        struct calls calls;
        GCancellable *making; /* of a picture */
        char *conversation;
        char own_role[16];
        bool members_add, members_edit;
        struct group_rights rights;
        GPtrArray *addresses; /* of the members */
        AdwAvatar *avatar;
        GtkWidget *picture, *name, *add, *may_add, *may_edit;
        AdwPreferencesGroup *member_group, *policy_group, *end_group;
        struct row_list *members;
        GtkFileChooserNative *chooser;
        bool filling; /* what is set comes from cryptod, not from the person */
};

static void refresh(void *userdata);

static void on_done(const sd_bus_error *error, void *userdata)
{
        struct group_window *w = userdata;

        if (error)
                sheet_show_error(w->sheet, error);
        else
                sheet_toast(w->sheet, "The conversation says when it has come about.");
        refresh(w);
}

/* -- name and picture
 * -------------------------------------------------------------------------------------------------- */

static void on_rename(gpointer userdata)
{
        struct group_window *w = userdata;
        g_autofree char *name = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(w->name))));

        sheet_hide(w->sheet);
        (void) account_call(w->account, &w->calls, CRYPTO_GROUPS, "Rename", on_done, w, "ss", w->conversation, name);
}

static void set_picture(struct bytes picture, void *userdata)
{
        struct group_window *w = userdata;
        sd_bus_message *m = NULL;
        int r;

        if (picture.size == 0) {
                sheet_show(w->sheet, "This picture cannot be used",
                           "It could not be understood. Choose a JPEG or PNG file of this computer.");
                return;
        }
        r = account_new_call(w->account, CRYPTO_GROUPS, "SetPicture", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", w->conversation);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', picture.data, picture.size);
        if (r >= 0)
                (void) account_send_call(&w->calls, m, on_done, w);
        sd_bus_message_unref(m);
}

static void on_file(struct group_window *w, int response)
{
        g_autoptr(GFile) file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(w->chooser));

        if (response == GTK_RESPONSE_ACCEPT && file)
                group_picture_make(file, w->making, set_picture, w);
        g_clear_object(&w->chooser);
}

static void on_picture(struct group_window *w)
{
        GtkFileFilter *filter = gtk_file_filter_new();

        g_clear_object(&w->chooser);
        w->chooser = gtk_file_chooser_native_new("Picture of the Group", sheet_window(w->sheet),
                                                 GTK_FILE_CHOOSER_ACTION_OPEN, "_Use", "_Cancel");
        gtk_file_filter_set_name(filter, "Pictures");
        gtk_file_filter_add_mime_type(filter, "image/*");
        gtk_file_chooser_add_filter(GTK_FILE_CHOOSER(w->chooser), filter);
        g_object_unref(filter);
        g_signal_connect_swapped(w->chooser, "response", G_CALLBACK(on_file), w);
        gtk_native_dialog_show(GTK_NATIVE_DIALOG(w->chooser));
}

/* -- what cryptod says
 * ------------------------------------------------------------------------------------------------- */

static void show_rights(struct group_window *w)
{
        w->rights = group_rights_of(w->own_role, w->members_add, w->members_edit);
        gtk_widget_set_sensitive(w->name, w->rights.edit);
        gtk_widget_set_visible(w->picture, w->rights.edit);
        gtk_widget_set_visible(w->add, w->rights.add);
        gtk_widget_set_sensitive(GTK_WIDGET(w->policy_group), w->rights.policy);
        gtk_widget_set_visible(GTK_WIDGET(w->end_group), *w->own_role != '\0');
}

/* An open room has no rules, and its hub's owner names it. */
static void show_room(struct group_window *w, const sd_bus_error *error)
{
        if (!sd_bus_error_has_name(error, ERROR_INVALID_ARGUMENT))
                sheet_show_error(w->sheet, error);
        gtk_widget_set_visible(GTK_WIDGET(w->policy_group), false);
        gtk_widget_set_visible(w->name, false);
        gtk_widget_set_visible(w->picture, false);
        gtk_widget_set_visible(w->add, false);
}

static void on_described(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct group_window *w = userdata;
        const char *name;
        const void *picture;
        size_t size;
        int members_add, members_edit;

        if (!error && (sd_bus_message_read(reply, "sbb", &name, &members_add, &members_edit) < 0 ||
                       sd_bus_message_read_array(reply, 'y', &picture, &size) < 0))
                error = &calls_malformed;
        if (error) {
                show_room(w, error);
                return;
        }
        w->members_add = members_add;
        w->members_edit = members_edit;
        w->filling = true;
        gtk_editable_set_text(GTK_EDITABLE(w->name), name);
        gtk_switch_set_active(GTK_SWITCH(w->may_add), members_add);
        gtk_switch_set_active(GTK_SWITCH(w->may_edit), members_edit);
        w->filling = false;
        adw_avatar_set_text(w->avatar, name);
        group_picture_show(w->avatar, BYTES(picture, size));
        show_rights(w);
}

static void on_member(struct group_window *w, GtkWidget *row)
{
        const char *address = row_subject(row);
        const struct group_member member = { .conversation = w->conversation,
                                             .address = address,
                                             .role = g_object_get_data(G_OBJECT(row), "role"),
                                             .own = g_object_get_data(G_OBJECT(row), "own") != NULL };

        group_member_page_push(w->sheet, w->account, &member, &w->rights, refresh, w);
}

static void add_member(struct group_window *w, const char *address, const char *role, bool verified, bool other_key)
{
        bool own = is_same_person(address, account_address(w->account));
        g_autofree char *name = own ? g_strdup("You") : person_name(address, NULL);
        GtkWidget *row = row_person(name, address), *mark = gtk_image_new();
        GtkWidget *label = gtk_label_new(strcmp(role, "owner") == 0   ? "Owner"
                                         : strcmp(role, "admin") == 0 ? "Admin"
                                                                      : "");

        if (own)
                g_strlcpy(w->own_role, role, sizeof(w->own_role));
        row_set_subject(row, address);
        g_object_set_data_full(G_OBJECT(row), "role", g_strdup(role), g_free);
        g_object_set_data(G_OBJECT(row), "own", own ? w : NULL);
        trust_mark_set(GTK_IMAGE(mark), own         ? TRUST_NONE
                                        : other_key ? TRUST_CHANGED
                                        : verified  ? TRUST_VERIFIED
                                                    : TRUST_KNOWN);
        gtk_widget_add_css_class(label, "dim-label");
        adw_action_row_add_suffix(ADW_ACTION_ROW(row), label);
        adw_action_row_add_suffix(ADW_ACTION_ROW(row), mark);
        adw_action_row_add_suffix(ADW_ACTION_ROW(row), gtk_image_new_from_icon_name("go-next-symbolic"));
        gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), true);
        g_signal_connect_swapped(row, "activated", G_CALLBACK(on_member), w);
        row_list_add(w->members, row);
        g_ptr_array_add(w->addresses, g_strdup(address));
}

static void on_members(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct group_window *w = userdata;
        const char *address, *role;
        int verified, other_key, r = error ? -1 : sd_bus_message_enter_container(reply, 'a', "(ssbb)");

        row_list_clear(w->members);
        g_ptr_array_set_size(w->addresses, 0);
        w->own_role[0] = '\0';
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssbb)", &address, &role, &verified, &other_key)) > 0)
                add_member(w, address, role, verified, other_key);
        g_autofree char *title =
                g_strdup_printf(w->addresses->len == 1 ? "%u Member" : "%u Members", w->addresses->len);
        adw_preferences_group_set_title(w->member_group, title);
        if (r < 0)
                sheet_show_error(w->sheet, error ? error : &calls_malformed);
        show_rights(w);
}

static void refresh(void *userdata)
{
        struct group_window *w = userdata;

        (void) calls_method(&w->calls, account_bus(w->account), account_owner(w->account), account_path(w->account),
                            CRYPTO_GROUPS, "Members", on_members, w, "s", w->conversation);
        (void) calls_method(&w->calls, account_bus(w->account), account_owner(w->account), account_path(w->account),
                            CRYPTO_GROUPS, "Describe", on_described, w, "s", w->conversation);
}

/* -- members, policy, the end
 * ------------------------------------------------------------------------------------------ */

static void on_add(struct group_window *w)
{
        g_ptr_array_add(w->addresses, NULL);
        group_people_page_push(w->sheet, w->account, w->conversation, (const char *const *) w->addresses->pdata,
                               refresh, w);
        g_ptr_array_set_size(w->addresses, (int) w->addresses->len - 1);
}

static void on_policy(struct group_window *w)
{
        if (w->filling)
                return;
        sheet_hide(w->sheet);
        (void) account_call(w->account, &w->calls, CRYPTO_GROUPS, "SetPolicy", on_done, w, "sbb", w->conversation,
                            (int) gtk_switch_get_active(GTK_SWITCH(w->may_add)),
                            (int) gtk_switch_get_active(GTK_SWITCH(w->may_edit)));
}

static void on_left(const sd_bus_error *error, void *userdata)
{
        struct group_window *w = userdata;

        if (error)
                sheet_show_error(w->sheet, error);
        else
                sheet_close(w->sheet); /* and with it what we are */
}

static void leave(void *userdata)
{
        struct group_window *w = userdata;

        (void) account_call(w->account, &w->calls, CRYPTO_GROUPS, "Leave", on_left, w, "s", w->conversation);
}

static void on_leave(struct group_window *w)
{
        question_ask(sheet_window(w->sheet), "Leave This Group?",
                     "You read nothing more of what is said there; what you have read stays. Somebody who is in it can "
                     "add you again.",
                     "Leave", leave, w);
}

/* -- life
 * -------------------------------------------------------------------------------------------------------------- */

static GtkWidget *add_switch(struct group_window *w, const char *title, const char *text)
{
        GtkWidget *row = row_new(title, text), *button = gtk_switch_new();

        gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
        part_name(button, title);
        adw_action_row_add_suffix(ADW_ACTION_ROW(row), button);
        adw_action_row_set_activatable_widget(ADW_ACTION_ROW(row), button);
        adw_preferences_group_add(w->policy_group, row);
        g_signal_connect_swapped(button, "notify::active", G_CALLBACK(on_policy), w);
        return button;
}

static void add_head(struct group_window *w, AdwPreferencesPage *page)
{
        AdwPreferencesGroup *head = row_group(page, "", NULL), *group = row_group(page, "", NULL);

        w->avatar = ADW_AVATAR(adw_avatar_new(96, "", true));
        w->picture = gtk_button_new_with_label("Change the Picture");
        gtk_widget_set_halign(w->picture, GTK_ALIGN_CENTER);
        gtk_widget_set_margin_top(w->picture, 6);
        gtk_widget_add_css_class(w->picture, "flat");
        g_signal_connect_swapped(w->picture, "clicked", G_CALLBACK(on_picture), w);
        adw_preferences_group_add(head, GTK_WIDGET(w->avatar));
        adw_preferences_group_add(head, w->picture);
        w->name = row_entry("Name of the group", "Rename", on_rename, w);
        adw_preferences_group_add(group, w->name);
}

static void add_groups(struct group_window *w, AdwPreferencesPage *page)
{
        GtkWidget *leave_row = row_link("Leave the Group …", "");

        w->member_group = row_group(page, "Members", NULL);
        w->members = row_list_new(w->member_group);
        w->add = gtk_button_new_with_label("Add People");
        gtk_widget_add_css_class(w->add, "flat");
        adw_preferences_group_set_header_suffix(w->member_group, w->add);
        g_signal_connect_swapped(w->add, "clicked", G_CALLBACK(on_add), w);
        w->policy_group = row_group(page, "Rules", "Owners and admins decide about these.");
        w->may_add = add_switch(w, "Members Add People", "Else only owners and admins do");
        w->may_edit = add_switch(w, "Members Change Name and Picture", "Else only owners and admins do");
        w->end_group = row_group(page, "", NULL);
        adw_preferences_group_add(w->end_group, leave_row);
        g_signal_connect_swapped(leave_row, "activated", G_CALLBACK(on_leave), w);
}

static void release(gpointer userdata)
{
        struct group_window *w = userdata;

        calls_cancel(&w->calls);
        g_cancellable_cancel(w->making);
        g_object_unref(w->making);
        g_clear_object(&w->chooser);
        g_ptr_array_unref(w->addresses);
        g_free(w->conversation);
        g_free(w);
}

void group_window_open(GtkWindow *parent, struct account *a, const char *conversation)
{
        struct group_window *w = g_new0(struct group_window, 1);
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());

        w->account = a;
        w->conversation = g_strdup(conversation);
        w->making = g_cancellable_new();
        w->addresses = g_ptr_array_new_with_free_func(g_free);
        g_object_set_data_full(G_OBJECT(page), "group-window", w, release);
        add_head(w, page);
        add_groups(w, page);
        w->sheet = sheet_new(parent, "Group", GTK_WIDGET(page));
        show_rights(w);
        refresh(w);
}
