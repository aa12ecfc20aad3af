/* See pinned_bar.h. */
#include "ui/desktop/pinned_bar.h"

#include "ui/client/calls.h"
#include "ui/client/messages.h"
#include "ui/desktop/message_facts.h"
#include "ui/desktop/parts.h"

struct pin {
        uint64_t id;
        char *words;
};

struct pinned_bar {
        GtkWidget *button;
        GtkLabel *title, *words;
        const struct people *people;
        pinned_bar_chosen chosen;
        void *userdata;
        struct calls calls;
        GArray *pins;
        guint shown;
};

static void pin_clear(gpointer pin)
{
        g_free(((struct pin *) pin)->words);
}

static void show(struct pinned_bar *b)
{
        gtk_widget_set_visible(b->button, b->pins->len > 0);
        if (b->pins->len == 0)
                return;
        b->shown %= b->pins->len;
        const struct pin *pin = &g_array_index(b->pins, struct pin, b->shown);
        g_autofree char *title =
                b->pins->len > 1 ? g_strdup_printf("Pinned %u of %u", b->shown + 1, b->pins->len) : g_strdup("Pinned");
        g_autofree char *name = g_strdup_printf("%s: %s", title, pin->words);

        gtk_label_set_text(b->title, title);
        gtk_label_set_text(b->words, pin->words);
        part_name(b->button, name);
}

static void on_pinned(const struct said *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct pinned_bar *b = userdata;

        g_array_set_size(b->pins, 0);
        for (size_t i = 0; i < n; i++) {
                g_autofree char *who = list[i].own ? g_strdup("You") : people_name(b->people, list[i].sender);
                g_autofree char *beginning = message_facts_beginning(list[i].text, list[i].file_name);
                struct pin pin = { list[i].id, g_strdup_printf("%s: %s", who, beginning) };

                g_array_append_val(b->pins, pin);
        }
        show(b);
}

static void on_clicked(struct pinned_bar *b)
{
        uint64_t message = g_array_index(b->pins, struct pin, b->shown).id;

        b->shown++;
        show(b);
        b->chosen(message, b->userdata);
}

void pinned_bar_follow(struct pinned_bar *b, struct account *a, const char *conversation)
{
        calls_cancel(&b->calls);
        (void) messages_pinned(a, &b->calls, conversation, on_pinned, b);
}

void pinned_bar_clear(struct pinned_bar *b)
{
        calls_cancel(&b->calls);
        g_array_set_size(b->pins, 0);
        b->shown = 0;
        show(b);
}

static void release(gpointer userdata)
{
        struct pinned_bar *b = userdata;

        calls_cancel(&b->calls);
        g_array_unref(b->pins);
        g_free(b);
}

static GtkLabel *add_label(GtkWidget *box, const char *class)
{
        GtkWidget *label = gtk_label_new(NULL);

        gtk_label_set_xalign(GTK_LABEL(label), 0);
        gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
        gtk_label_set_single_line_mode(GTK_LABEL(label), true);
        gtk_widget_add_css_class(label, class);
        gtk_box_append(GTK_BOX(box), label);
        return GTK_LABEL(label);
}

struct pinned_bar *pinned_bar_new(GtkBox *parent, const struct people *people, pinned_bar_chosen chosen, void *userdata)
{
        struct pinned_bar *b = g_new0(struct pinned_bar, 1);
        GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 10),
                  *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);

        b->people = people;
        b->chosen = chosen;
        b->userdata = userdata;
        b->pins = g_array_new(false, true, sizeof(struct pin));
        g_array_set_clear_func(b->pins, pin_clear);
        b->button = gtk_button_new();
        gtk_box_append(GTK_BOX(line), gtk_image_new_from_icon_name("view-pin-symbolic"));
        b->title = add_label(words, "caption-heading");
        b->words = add_label(words, "caption");
        gtk_widget_set_hexpand(words, true);
        gtk_box_append(GTK_BOX(line), words);
        gtk_button_set_child(GTK_BUTTON(b->button), line);
        gtk_widget_add_css_class(b->button, "flat");
        gtk_widget_add_css_class(b->button, "pinned-bar");
        gtk_widget_set_visible(b->button, false);
        g_signal_connect_swapped(b->button, "clicked", G_CALLBACK(on_clicked), b);
        g_object_set_data_full(G_OBJECT(b->button), "pinned-bar", b, release);
        gtk_box_append(parent, b->button);
        return b;
}
