/* See request_bar.h. */
#include "ui/desktop/request_bar.h"

#include "ui/client/calls.h"
#include "ui/client/client.h"

struct request_bar {
        GtkWidget *root, *block;
        GtkLabel *words;
        const struct request_bar_events *events;
        void *userdata;
        struct calls calls;
        struct account *account;
        const char *conversation, *person;
};

static void on_accepted(const sd_bus_error *error, void *userdata)
{
        struct request_bar *b = userdata;

        if (error)
                b->events->failed(error, b->userdata);
        else
                request_bar_hide(b);
}

static void on_declined(const sd_bus_error *error, void *userdata)
{
        struct request_bar *b = userdata;

        if (error)
                b->events->failed(error, b->userdata);
        else
                b->events->declined(b->userdata);
}

static void on_accept(struct request_bar *b)
{
        (void) account_call(b->account, &b->calls, CRYPTO_CONTACTS, "Accept", on_accepted, b, "s", b->conversation);
}

static void on_decline(struct request_bar *b)
{
        (void) account_call(b->account, &b->calls, CRYPTO_CONTACTS, "Decline", on_declined, b, "s", b->conversation);
}

static void on_block(struct request_bar *b)
{
        (void) account_call(b->account, &b->calls, CRYPTO_CONTACTS, "SetBlocked", on_declined, b, "sb", b->person,
                            (int) true);
}

static GtkWidget *add_button(struct request_bar *b, GtkWidget *line, const char *words, const char *class,
                             void (*clicked)(struct request_bar *))
{
        GtkWidget *button = gtk_button_new_with_label(words);

        gtk_widget_add_css_class(button, class);
        g_signal_connect_swapped(button, "clicked", G_CALLBACK(clicked), b);
        gtk_box_append(GTK_BOX(line), button);
        return button;
}

static void release(gpointer userdata)
{
        struct request_bar *b = userdata;

        calls_cancel(&b->calls);
        g_free(b);
}

struct request_bar *request_bar_new(GtkBox *parent, const struct request_bar_events *events, void *userdata)
{
        struct request_bar *b = g_new0(struct request_bar, 1);
        GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);

        b->events = events;
        b->userdata = userdata;
        b->root = gtk_box_new(GTK_ORIENTATION_VERTICAL, 8);
        b->words = GTK_LABEL(gtk_label_new(NULL));
        gtk_label_set_wrap(b->words, true);
        gtk_label_set_wrap_mode(b->words, PANGO_WRAP_WORD_CHAR);
        gtk_label_set_justify(b->words, GTK_JUSTIFY_CENTER);
        gtk_box_set_homogeneous(GTK_BOX(line), true);
        b->block = add_button(b, line, "Block", "destructive-action", on_block);
        (void) add_button(b, line, "Decline", "decline", on_decline);
        (void) add_button(b, line, "Accept", "suggested-action", on_accept);
        gtk_box_append(GTK_BOX(b->root), GTK_WIDGET(b->words));
        gtk_box_append(GTK_BOX(b->root), line);
        gtk_widget_add_css_class(b->root, "request");
        gtk_widget_set_visible(b->root, false);
        g_object_set_data_full(G_OBJECT(b->root), "request-bar", b, release);
        gtk_box_append(parent, b->root);
        return b;
}

void request_bar_show(struct request_bar *b, struct account *a, const char *conversation, const char *name,
                      const char *person)
{
        g_autofree char *who = person ? g_strdup_printf("%s (%s) wants to talk to you", name, person)
                                      : g_strdup_printf("You were added to “%s”", name);
        g_autofree char *words =
                g_strdup_printf("%s%s no contact of yours. They do not learn whether you have seen this.", who,
                                person ? ", and is" : " by somebody who is");

        b->account = a;
        b->conversation = conversation;
        b->person = person;
        gtk_label_set_text(b->words, words);
        gtk_widget_set_visible(b->block, person != NULL);
        gtk_widget_set_visible(b->root, true);
}

void request_bar_hide(struct request_bar *b)
{
        calls_cancel(&b->calls);
        b->account = NULL;
        gtk_widget_set_visible(b->root, false);
}
