/* See message_words.h. */
#include "ui/desktop/message_words.h"

#include <stdlib.h>
#include <string.h>

#include "ui/client/markdown.h"
#include "ui/desktop/link_question.h"

/* More than this is folded: a text of 64 KiB of line breaks would be higher than a window can be drawn. */
enum { SHOWN_BYTES = 4000, SHOWN_LINES = 60, WIDTH_CHARACTERS = 44 };

struct message_words {
        GtkLabel *label;
        char *whole; /* the markup of all of it, while it is folded; else NULL */
};

static void release(gpointer userdata)
{
        struct message_words *w = userdata;

        g_free(w->whole);
        g_free(w);
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

static char *markup_of(const struct said *s, size_t size)
{
        g_autofree char *text = g_strndup(s->text, size);
        char *made = markdown_markup(text, s->mentions, s->mention_count);
        char *markup = g_strconcat(made, s->text[size] ? "…" : NULL, NULL);

        free(made);
        return markup;
}

static gboolean on_link(GtkLabel *label, const char *link, gpointer userdata)
{
        link_question_ask(GTK_WIDGET(label), link);
        return true;
}

static GtkLabel *new_label(void)
{
        GtkLabel *label = GTK_LABEL(gtk_label_new(NULL));

        gtk_label_set_wrap(label, true);
        gtk_label_set_wrap_mode(label, PANGO_WRAP_WORD_CHAR);
        gtk_label_set_xalign(label, 0);
        gtk_label_set_max_width_chars(label, WIDTH_CHARACTERS);
        gtk_widget_add_css_class(GTK_WIDGET(label), "words");
        return label;
}

static void on_unfold(GtkWidget *button, gpointer userdata)
{
        struct message_words *w = userdata;

        gtk_label_set_markup(w->label, w->whole);
        g_clear_pointer(&w->whole, g_free);
        gtk_widget_set_visible(button, false);
}

static void fold(struct message_words *w, GtkWidget *box, const struct said *s)
{
        GtkWidget *more = gtk_button_new_with_label("Show All of It");

        w->whole = markup_of(s, strlen(s->text));
        gtk_widget_add_css_class(more, "flat");
        gtk_widget_add_css_class(more, "caption");
        g_signal_connect(more, "clicked", G_CALLBACK(on_unfold), w);
        gtk_box_append(GTK_BOX(box), more);
}

GtkWidget *message_words_new(const struct said *s)
{
        struct message_words *w = g_new0(struct message_words, 1);
        GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
        size_t shown = shown_size(s->text);
        g_autofree char *markup = markup_of(s, shown);

        w->label = new_label();
        gtk_label_set_markup(w->label, markup);
        gtk_label_set_selectable(w->label, true);
        gtk_widget_set_focusable(GTK_WIDGET(w->label), strstr(markup, "<a ") != NULL);
        g_signal_connect(w->label, "activate-link", G_CALLBACK(on_link), NULL);
        gtk_box_append(GTK_BOX(box), GTK_WIDGET(w->label));
        if (s->text[shown])
                fold(w, box, s);
        g_object_set_data_full(G_OBJECT(box), "message-words", w, release);
        return box;
}

GtkWidget *message_words_note(const char *text)
{
        GtkLabel *label = new_label();

        gtk_label_set_text(label, text);
        gtk_widget_add_css_class(GTK_WIDGET(label), "note");
        return GTK_WIDGET(label);
}
