/* See transfer_list.h. */
#include "ui/desktop/transfer_list.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/parts.h"

struct transfer_list {
        GtkBox *box;
        struct account *account;
        struct calls calls;
        account_done failed;
        void *userdata;
};

struct card {
        struct transfer_list *list;
        char *path;
        GtkWidget *root, *pause, *resume, *cancel;
        GtkLabel *name, *state;
        GtkProgressBar *progress;
};

static void card_free(gpointer data)
{
        struct card *c = data;

        g_free(c->path);
        g_free(c);
}

static void on_done(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct transfer_list *l = userdata;

        if (error)
                l->failed(error, l->userdata);
}

static void call(struct card *c, const char *method)
{
        struct account *a = c->list->account;

        (void) calls_method(&c->list->calls, account_bus(a), account_owner(a), c->path, CRYPTO_TRANSFER, method,
                            on_done, c->list, "");
}

static void on_pause(struct card *c)
{
        call(c, "Pause");
}

static void on_resume(struct card *c)
{
        call(c, "Resume");
}

static void on_cancel(struct card *c)
{
        call(c, "Cancel");
}

static char *state_words(const struct transfer *t)
{
        static const struct {
                const char *state, *send, *receive;
        } words[] = {
                { "sealing", "Encrypting", "" },     { "waiting", "Waits for the hub", "Waits for the hub" },
                { "running", "Sending", "Loading" }, { "paused", "Paused", "Paused" },
                { "ready", "Sent", "Loaded" },       { "failed", "Failed", "Failed" },
        };
        const char *found = t->state;
        bool sent = strcmp(t->direction, "send") == 0;

        for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
                if (strcmp(words[i].state, t->state) == 0)
                        found = sent ? words[i].send : words[i].receive;
        if (*t->error)
                return g_strdup_printf("%s: %s", found, t->error);
        g_autofree char *size = g_format_size(t->size);
        return t->size > 0 ? g_strdup_printf("%s · %.0f %% of %s", found, t->progress * 100, size) : g_strdup(found);
}

static bool is_state(const struct transfer *t, const char *a, const char *b)
{
        return strcmp(t->state, a) == 0 || strcmp(t->state, b) == 0;
}

static void card_set(struct card *c, const struct transfer *t)
{
        g_autofree char *state = state_words(t);
        const struct {
                GtkWidget *button;
                const char *form;
        } names[] = { { c->pause, "Pause “%s”" }, { c->resume, "Resume “%s”" }, { c->cancel, "Cancel “%s”" } };

        gtk_label_set_text(c->name, t->name);
        gtk_label_set_text(c->state, state);
        gtk_progress_bar_set_fraction(c->progress, CLAMP(t->progress, 0, 1));
        gtk_widget_set_visible(c->pause, is_state(t, "running", "waiting"));
        gtk_widget_set_visible(c->resume, is_state(t, "paused", "failed"));
        for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *name = g_strdup_printf(names[i].form, t->name);

                part_name(names[i].button, name);
        }
}

static GtkWidget *add_button(GtkWidget *line, const char *icon, const char *words)
{
        GtkWidget *button = gtk_button_new_from_icon_name(icon);

        gtk_widget_set_tooltip_text(button, words);
        gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
        gtk_widget_add_css_class(button, "flat");
        gtk_widget_add_css_class(button, "circular");
        gtk_box_append(GTK_BOX(line), button);
        return button;
}

static GtkLabel *add_label(GtkWidget *box, const char *class)
{
        GtkWidget *label = gtk_label_new(NULL);

        gtk_label_set_xalign(GTK_LABEL(label), 0);
        gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_MIDDLE);
        gtk_widget_add_css_class(label, class);
        gtk_box_append(GTK_BOX(box), label);
        return GTK_LABEL(label);
}

static struct card *card_new(struct transfer_list *l, const char *path)
{
        struct card *c = g_new0(struct card, 1);
        GtkWidget *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2), *progress = gtk_progress_bar_new();

        c->list = l;
        c->path = g_strdup(path);
        c->root = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
        c->name = add_label(words, "name");
        c->progress = GTK_PROGRESS_BAR(progress);
        gtk_box_append(GTK_BOX(words), progress);
        c->state = add_label(words, "caption");
        gtk_widget_set_hexpand(words, true);
        gtk_box_append(GTK_BOX(c->root), words);
        c->pause = add_button(c->root, "media-playback-pause-symbolic", "Pause");
        c->resume = add_button(c->root, "media-playback-start-symbolic", "Resume");
        c->cancel = add_button(c->root, "process-stop-symbolic", "Cancel");
        gtk_widget_add_css_class(c->root, "context");
        gtk_widget_add_css_class(c->root, "transfer");
        g_signal_connect_swapped(c->pause, "clicked", G_CALLBACK(on_pause), c);
        g_signal_connect_swapped(c->resume, "clicked", G_CALLBACK(on_resume), c);
        g_signal_connect_swapped(c->cancel, "clicked", G_CALLBACK(on_cancel), c);
        g_object_set_data_full(G_OBJECT(c->root), "card", c, card_free);
        gtk_box_append(l->box, c->root);
        return c;
}

static struct card *find(struct transfer_list *l, const char *path)
{
        for (GtkWidget *w = gtk_widget_get_first_child(GTK_WIDGET(l->box)); w; w = gtk_widget_get_next_sibling(w)) {
                struct card *c = g_object_get_data(G_OBJECT(w), "card");

                if (strcmp(c->path, path) == 0)
                        return c;
        }
        return NULL;
}

static bool belongs(const struct transfer *one, const char *conversation)
{
        return one && conversation && strcmp(one->conversation, conversation) == 0;
}

static void drop_others(struct transfer_list *l, const struct transfers *t, const char *conversation)
{
        GtkWidget *w = gtk_widget_get_first_child(GTK_WIDGET(l->box));

        while (w) {
                const struct card *c = g_object_get_data(G_OBJECT(w), "card");
                GtkWidget *next = gtk_widget_get_next_sibling(w);

                if (!t || !belongs(transfers_find(t, c->path), conversation))
                        gtk_box_remove(l->box, w);
                w = next;
        }
}

void transfer_list_show(struct transfer_list *l, struct account *a, const struct transfers *t, const char *conversation)
{
        const struct transfer *one;

        l->account = a;
        drop_others(l, t, conversation);
        if (!conversation)
                calls_cancel(&l->calls);
        for (size_t i = 0; conversation && t && (one = transfers_at(t, i)); i++) {
                struct card *c = find(l, one->path);

                if (belongs(one, conversation))
                        card_set(c ? c : card_new(l, one->path), one);
        }
}

static void release(gpointer userdata)
{
        struct transfer_list *l = userdata;

        calls_cancel(&l->calls);
        g_free(l);
}

struct transfer_list *transfer_list_new(GtkBox *parent, account_done failed, void *userdata)
{
        struct transfer_list *l = g_new0(struct transfer_list, 1);

        l->box = GTK_BOX(gtk_box_new(GTK_ORIENTATION_VERTICAL, 4));
        l->failed = failed;
        l->userdata = userdata;
        gtk_widget_add_css_class(GTK_WIDGET(l->box), "transfers");
        g_object_set_data_full(G_OBJECT(l->box), "transfer-list", l, release);
        gtk_box_append(parent, GTK_WIDGET(l->box));
        return l;
}
