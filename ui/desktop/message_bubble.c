/* One message. */
#include "ui/desktop/message_bubble.h"

#include <string.h>

#include "services/cleanup.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/when.h"

/* More than this is folded: a text of 64 KiB of line breaks would be higher than a window can be drawn. */
enum { SHOWN_BYTES = 4000, SHOWN_LINES = 60, WIDTH_CHARACTERS = 44 };

struct message_bubble {
        uint64_t id;
        bool own;
        char *text; /* the whole of it, while it is folded; else NULL */
        GtkWidget *root;
        GtkWidget *bubble;
        GtkLabel *words;
        GtkImage *mark;
        GtkLabel *failure;
};

static void release(gpointer userdata)
{
        struct message_bubble *b = userdata;

        g_free(b->text);
        g_free(b);
}

/* The bytes of @text that are shown at first: whole characters, few enough lines. */
static size_t shown_size(const char *text)
{
        size_t n = 0, lines = 0;

        for (; text[n] && n < SHOWN_BYTES && lines < SHOWN_LINES; n++)
                lines += text[n] == '\n';
        while (n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80)
                n--;
        return n;
}

static void on_unfold(GtkButton *button, gpointer userdata)
{
        struct message_bubble *b = userdata;

        gtk_label_set_text(b->words, b->text);
        g_clear_pointer(&b->text, g_free);
        gtk_widget_set_visible(GTK_WIDGET(button), false);
}

static void set_text(struct message_bubble *b, const char *text)
{
        size_t n = shown_size(text);
        GtkWidget *more;

        if (!text[n]) {
                gtk_label_set_text(b->words, text);
                return;
        }
        g_autofree char *start = g_strndup(text, n), *shown = g_strconcat(start, "…", NULL);
        gtk_label_set_text(b->words, shown);
        b->text = g_strdup(text);
        more = gtk_button_new_with_label("Show All of It");
        gtk_widget_add_css_class(more, "flat");
        gtk_widget_add_css_class(more, "caption");
        g_signal_connect(more, "clicked", G_CALLBACK(on_unfold), b);
        gtk_box_append(GTK_BOX(b->bubble), more);
}

static GtkLabel *new_label(const char *class)
{
        GtkWidget *l = gtk_label_new(NULL);

        gtk_widget_add_css_class(l, class);
        return GTK_LABEL(l);
}

static GtkWidget *new_words(struct message_bubble *b, const char *text)
{
        b->bubble = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
        b->words = new_label("words");
        gtk_label_set_wrap(b->words, true);
        gtk_label_set_wrap_mode(b->words, PANGO_WRAP_WORD_CHAR);
        gtk_label_set_xalign(b->words, 0);
        gtk_label_set_max_width_chars(b->words, WIDTH_CHARACTERS);
        gtk_label_set_selectable(b->words, true);
        gtk_widget_set_focusable(GTK_WIDGET(b->words), false);
        gtk_box_append(GTK_BOX(b->bubble), GTK_WIDGET(b->words));
        gtk_widget_add_css_class(b->bubble, "bubble");
        gtk_widget_set_halign(b->bubble, b->own ? GTK_ALIGN_END : GTK_ALIGN_START);
        set_text(b, text);
        return b->bubble;
}

static GtkWidget *new_foot(struct message_bubble *b, uint64_t time)
{
        GtkWidget *foot = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 4);
        g_autofree char *clock = when_clock(time);
        GtkLabel *when = new_label("numeric");

        gtk_label_set_text(when, clock);
        b->mark = GTK_IMAGE(gtk_image_new());
        gtk_image_set_pixel_size(b->mark, 12);
        b->failure = new_label("error");
        gtk_label_set_text(b->failure, "Not sent");
        gtk_box_append(GTK_BOX(foot), GTK_WIDGET(b->failure));
        gtk_box_append(GTK_BOX(foot), GTK_WIDGET(when));
        gtk_box_append(GTK_BOX(foot), GTK_WIDGET(b->mark));
        gtk_widget_add_css_class(foot, "foot");
        gtk_widget_set_halign(foot, b->own ? GTK_ALIGN_END : GTK_ALIGN_START);
        return foot;
}

/* The name alone, for all are on one hub; the whole address is one movement away. */
static GtkWidget *new_sender(const char *who)
{
        bool doubtful = *who == '?';
        const char *address = doubtful ? who + 1 : who;
        g_autofree char *name = g_strndup(address, strcspn(address, "@"));
        g_autofree char *text = doubtful ? g_strdup_printf("%s (another key than you know)", name) : g_strdup(name);
        GtkLabel *label = new_label("sender");

        gtk_label_set_text(label, text);
        gtk_label_set_xalign(label, 0);
        gtk_label_set_ellipsize(label, PANGO_ELLIPSIZE_END);
        gtk_widget_set_tooltip_text(GTK_WIDGET(label), address);
        if (doubtful)
                gtk_widget_add_css_class(GTK_WIDGET(label), "warning");
        return GTK_WIDGET(label);
}

GtkWidget *message_bubble_new(const struct message *m, bool own, const char *who)
{
        struct message_bubble *b = g_new0(struct message_bubble, 1);

        b->id = m->id;
        b->own = own;
        b->root = g_object_new(GTK_TYPE_BOX, "orientation", GTK_ORIENTATION_VERTICAL, "accessible-role",
                               GTK_ACCESSIBLE_ROLE_GROUP, NULL);
        gtk_widget_add_css_class(b->root, "message");
        gtk_widget_add_css_class(b->root, own ? "own" : "other");
        if (who)
                gtk_box_append(GTK_BOX(b->root), new_sender(who));
        gtk_box_append(GTK_BOX(b->root), new_words(b, m->text));
        gtk_box_append(GTK_BOX(b->root), new_foot(b, m->time));
        g_object_set_data_full(G_OBJECT(b->root), "message-bubble", b, release);
        part_name(b->root, own ? "Sent message" : "Received message");
        message_bubble_set_state(b, m->state);
        return b->root;
}

struct message_bubble *message_bubble_of(GtkWidget *widget)
{
        return g_object_get_data(G_OBJECT(widget), "message-bubble");
}

void message_bubble_set_state(struct message_bubble *b, const char *state)
{
        static const struct {
                const char *state, *icon, *words;
        } marks[] = {
                { "queued", "content-loading-symbolic", "Waiting to be sent" },
                { "stored", "object-select-symbolic", "Stored at the hub" },
                { "delivered", "object-select-symbolic", "Delivered" },
                { "read", "object-select-symbolic", "Read" },
                { "failed", "dialog-warning-symbolic", "Not sent" },
        };
        bool failed = strcmp(state, "failed") == 0;
        unsigned i = 0;

        while (i < COUNT_OF(marks) && strcmp(marks[i].state, state) != 0)
                i++;
        bool known = b->own && i < COUNT_OF(marks);
        gtk_widget_set_visible(GTK_WIDGET(b->mark), known);
        gtk_widget_set_visible(GTK_WIDGET(b->failure), known && failed);
        if (known) {
                gtk_image_set_from_icon_name(b->mark, marks[i].icon);
                gtk_widget_set_tooltip_text(GTK_WIDGET(b->mark), marks[i].words);
                part_name(b->mark, marks[i].words);
        }
        if (known && failed)
                gtk_widget_add_css_class(b->root, "failed");
        else
                gtk_widget_remove_css_class(b->root, "failed");
}

void message_bubble_set_follows(struct message_bubble *b, bool follows)
{
        if (follows)
                gtk_widget_add_css_class(b->root, "follows");
        else
                gtk_widget_remove_css_class(b->root, "follows");
}

uint64_t message_bubble_id(const struct message_bubble *b)
{
        return b->id;
}
