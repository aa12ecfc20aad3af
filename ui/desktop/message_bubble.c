/* See message_bubble.h. */
#include "ui/desktop/message_bubble.h"

#include <string.h>

#include "ui/desktop/message_file.h"
#include "ui/desktop/message_foot.h"
#include "ui/desktop/message_menu.h"
#include "ui/desktop/message_quote.h"
#include "ui/desktop/message_reactions.h"
#include "ui/desktop/message_sender.h"
#include "ui/desktop/message_words.h"
#include "ui/desktop/parts.h"

struct message_bubble {
        GtkWidget *root;
        GtkWidget *sender; /* or NULL */
        GtkWidget *foot;
        GtkWidget *menu;
        struct message_facts *facts;
        const struct message_bubble_style *style;
};

static void release(gpointer userdata)
{
        struct message_bubble *b = userdata;

        message_facts_free(b->facts);
        g_free(b);
}

static GtkWidget *new_content(struct message_bubble *b, const struct said *s)
{
        GtkWidget *bubble = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
        bool said = strcmp(s->kind, "text") == 0 || strcmp(s->kind, "file") == 0;

        if (s->is_reply)
                gtk_box_append(GTK_BOX(bubble),
                               message_quote_new(s, b->style->people, b->style->events, b->style->userdata));
        if (*s->file_name)
                gtk_box_append(GTK_BOX(bubble), message_file_new(s, b->facts, b->style->events, b->style->userdata));
        if (*s->text || !*s->file_name)
                gtk_box_append(GTK_BOX(bubble), said ? message_words_new(s) : message_words_note(s->text));
        gtk_widget_add_css_class(bubble, "bubble");
        return bubble;
}

/* The bubble, and beside it, towards the middle, the button of its menu. */
static GtkWidget *new_line(struct message_bubble *b, const struct said *s)
{
        GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 2), *content = new_content(b, s);

        b->menu = message_menu_new(b->facts, b->style->events, b->style->userdata);
        gtk_box_append(GTK_BOX(line), content);
        if (s->own)
                gtk_box_prepend(GTK_BOX(line), b->menu);
        else
                gtk_box_append(GTK_BOX(line), b->menu);
        gtk_widget_set_halign(line, s->own ? GTK_ALIGN_END : GTK_ALIGN_START);
        return line;
}

static void on_pressed(struct message_bubble *b)
{
        message_menu_open(b->menu);
}

static void add_gestures(struct message_bubble *b)
{
        GtkGesture *click = gtk_gesture_click_new(), *press = gtk_gesture_long_press_new();

        gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(click), GDK_BUTTON_SECONDARY);
        gtk_event_controller_set_propagation_phase(GTK_EVENT_CONTROLLER(click), GTK_PHASE_CAPTURE);
        g_signal_connect_swapped(click, "pressed", G_CALLBACK(on_pressed), b);
        gtk_gesture_single_set_touch_only(GTK_GESTURE_SINGLE(press), true);
        g_signal_connect_swapped(press, "pressed", G_CALLBACK(on_pressed), b);
        gtk_widget_add_controller(b->root, GTK_EVENT_CONTROLLER(click));
        gtk_widget_add_controller(b->root, GTK_EVENT_CONTROLLER(press));
}

static struct message_bubble *bubble_of(GtkWidget *widget)
{
        return g_object_get_data(G_OBJECT(widget), "message-bubble");
}

GtkWidget *message_bubble_new(const struct said *s, const struct message_bubble_style *style)
{
        struct message_bubble *b = g_new0(struct message_bubble, 1);

        b->style = style;
        b->facts = message_facts_new(s, style->self);
        b->root = g_object_new(GTK_TYPE_BOX, "orientation", GTK_ORIENTATION_VERTICAL, "accessible-role",
                               GTK_ACCESSIBLE_ROLE_GROUP, NULL);
        gtk_widget_add_css_class(b->root, "message");
        gtk_widget_add_css_class(b->root, s->own ? "own" : "other");
        if (style->group && !s->own) {
                b->sender = message_sender_new(style->people, s->sender);
                gtk_box_append(GTK_BOX(b->root), b->sender);
        }
        gtk_box_append(GTK_BOX(b->root), new_line(b, s));
        if (s->reaction_count > 0)
                gtk_box_append(GTK_BOX(b->root),
                               message_reactions_new(s, b->facts, style->people, style->events, style->userdata));
        b->foot = message_foot_new(s);
        gtk_box_append(GTK_BOX(b->root), b->foot);
        add_gestures(b);
        part_name(b->root, s->own ? "Sent message" : "Received message");
        g_object_set_data_full(G_OBJECT(b->root), "message-bubble", b, release);
        message_bubble_set_state(b->root, s->state);
        return b->root;
}

void message_bubble_set_state(GtkWidget *bubble, const char *state)
{
        if (message_foot_set_state(bubble_of(bubble)->foot, state))
                gtk_widget_add_css_class(bubble, "failed");
        else
                gtk_widget_remove_css_class(bubble, "failed");
}

void message_bubble_set_follows(GtkWidget *bubble, bool follows)
{
        struct message_bubble *b = bubble_of(bubble);

        if (b->sender)
                gtk_widget_set_visible(b->sender, !follows);
        if (follows)
                gtk_widget_add_css_class(bubble, "follows");
        else
                gtk_widget_remove_css_class(bubble, "follows");
}

void message_bubble_open_menu(GtkWidget *bubble)
{
        message_menu_open(bubble_of(bubble)->menu);
}

const struct message_facts *message_bubble_facts(GtkWidget *bubble)
{
        return bubble_of(bubble)->facts;
}
