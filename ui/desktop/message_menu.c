/* See message_menu.h. */
#include "ui/desktop/message_menu.h"

#include "ui/desktop/parts.h"

struct message_menu {
        const struct message_facts *message;
        const struct message_events *events;
        void *userdata;
        GtkWidget *button;
        GtkPopover *popover; /* while it is open, or was once */
};

static const char *const emoji[] = { "👍", "❤️", "😂", "😮", "😢", "🙏" };

/* The popover goes before its message may: what was chosen can rebuild the bubble. */
static void on_emoji(GtkWidget *button, gpointer userdata)
{
        struct message_menu *menu = userdata;

        gtk_popover_popdown(menu->popover);
        menu->events->react(menu->message, g_object_get_data(G_OBJECT(button), "emoji"), menu->userdata);
}

static void on_picked(GtkEmojiChooser *chooser, const char *text, gpointer userdata)
{
        struct message_menu *menu = userdata;

        gtk_popover_popdown(menu->popover);
        menu->events->react(menu->message, text, menu->userdata);
}

static void on_action(GtkWidget *button, gpointer userdata)
{
        struct message_menu *menu = userdata;

        gtk_popover_popdown(menu->popover);
        menu->events->chosen(menu->message, GPOINTER_TO_INT(g_object_get_data(G_OBJECT(button), "action")),
                             menu->userdata);
}

static GtkWidget *new_emoji_row(struct message_menu *menu)
{
        GtkWidget *row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0), *more = gtk_menu_button_new();
        GtkWidget *chooser = gtk_emoji_chooser_new();

        for (unsigned i = 0; i < G_N_ELEMENTS(emoji); i++) {
                GtkWidget *button = gtk_button_new_with_label(emoji[i]);
                g_autofree char *name = g_strdup_printf("React with %s", emoji[i]);

                gtk_widget_add_css_class(button, "flat");
                gtk_widget_add_css_class(button, "emoji");
                part_name(button, name);
                g_object_set_data(G_OBJECT(button), "emoji", (gpointer) emoji[i]);
                g_signal_connect(button, "clicked", G_CALLBACK(on_emoji), menu);
                gtk_box_append(GTK_BOX(row), button);
        }
        g_signal_connect(chooser, "emoji-picked", G_CALLBACK(on_picked), menu);
        gtk_menu_button_set_icon_name(GTK_MENU_BUTTON(more), "list-add-symbolic");
        gtk_menu_button_set_popover(GTK_MENU_BUTTON(more), chooser);
        gtk_widget_add_css_class(more, "flat");
        part_name(more, "More reactions");
        gtk_box_append(GTK_BOX(row), more);
        return row;
}

static void add_action(struct message_menu *menu, GtkWidget *box, enum message_action action, const char *icon,
                       const char *words)
{
        GtkWidget *button, *content;

        if (!message_facts_allow(menu->message, action))
                return;
        button = gtk_button_new();
        content = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
        gtk_box_append(GTK_BOX(content), gtk_image_new_from_icon_name(icon));
        gtk_box_append(GTK_BOX(content), gtk_label_new(words));
        gtk_button_set_child(GTK_BUTTON(button), content);
        gtk_widget_add_css_class(button, "flat");
        gtk_widget_add_css_class(button, "action");
        part_name(button, words);
        g_object_set_data(G_OBJECT(button), "action", GINT_TO_POINTER(action));
        g_signal_connect(button, "clicked", G_CALLBACK(on_action), menu);
        gtk_box_append(GTK_BOX(box), button);
}

static GtkWidget *new_content(struct message_menu *menu)
{
        GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);

        if (message_facts_allow(menu->message, MESSAGE_REPLY))
                gtk_box_append(GTK_BOX(box), new_emoji_row(menu));
        add_action(menu, box, MESSAGE_REPLY, "mail-reply-sender-symbolic", "Reply");
        add_action(menu, box, MESSAGE_EDIT, "document-edit-symbolic", "Edit");
        add_action(menu, box, MESSAGE_COPY, "edit-copy-symbolic", "Copy Text");
        add_action(menu, box, MESSAGE_SAVE, "document-save-symbolic", "Save File As…");
        add_action(menu, box, MESSAGE_FORWARD, "mail-forward-symbolic", "Forward…");
        add_action(menu, box, MESSAGE_PIN, "view-pin-symbolic", menu->message->pinned ? "Unpin" : "Pin for All");
        add_action(menu, box, MESSAGE_INFO, "dialog-information-symbolic", "Who Has Read It");
        add_action(menu, box, MESSAGE_DELETE, "user-trash-symbolic", "Delete…");
        return box;
}

/* Made when it is first asked for: most messages are never acted on. */
static void make_popover(struct message_menu *menu)
{
        menu->popover = GTK_POPOVER(gtk_popover_new());
        gtk_popover_set_child(menu->popover, new_content(menu));
        gtk_widget_add_css_class(GTK_WIDGET(menu->popover), "message-menu");
        gtk_menu_button_set_popover(GTK_MENU_BUTTON(menu->button), GTK_WIDGET(menu->popover));
}

static void on_create(GtkMenuButton *button, gpointer userdata)
{
        struct message_menu *menu = userdata;

        if (!menu->popover)
                make_popover(menu);
}

GtkWidget *message_menu_new(const struct message_facts *m, const struct message_events *events, void *userdata)
{
        struct message_menu *menu = g_new0(struct message_menu, 1);
        g_autofree char *beginning = message_facts_beginning(m->text, m->file_name);
        g_autofree char *name = g_strdup_printf("Actions for “%s”", beginning);

        *menu = (struct message_menu){ m, events, userdata, gtk_menu_button_new(), NULL };
        gtk_menu_button_set_icon_name(GTK_MENU_BUTTON(menu->button), "view-more-symbolic");
        gtk_menu_button_set_create_popup_func(GTK_MENU_BUTTON(menu->button), on_create, menu, NULL);
        gtk_widget_add_css_class(menu->button, "flat");
        gtk_widget_add_css_class(menu->button, "circular");
        gtk_widget_add_css_class(menu->button, "more");
        gtk_widget_set_valign(menu->button, GTK_ALIGN_CENTER);
        gtk_widget_set_tooltip_text(menu->button, "Actions");
        part_name(menu->button, name);
        g_object_set_data_full(G_OBJECT(menu->button), "message-menu", menu, g_free);
        return menu->button;
}

void message_menu_open(GtkWidget *button)
{
        gtk_menu_button_popup(GTK_MENU_BUTTON(button));
}
