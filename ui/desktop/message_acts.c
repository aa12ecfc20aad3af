/* See message_acts.h. */
#include "ui/desktop/message_acts.h"

#include <adwaita.h>
#include <string.h>

#include "ui/client/client.h"
#include "ui/desktop/conversation_choice.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/when.h"

void message_acts_react(const struct message_acts *a, const struct message_facts *m, const char *emoji)
{
        enum { MAX = 8 }; /* as cryptod takes them */
        const char *all[MAX];
        size_t n = 0;
        bool had = false;

        for (char **mine = m->mine; *mine; mine++) {
                bool same = strcmp(*mine, emoji) == 0;

                had = had || same;
                if (!same && n < MAX)
                        all[n++] = *mine;
        }
        if (!had && n < MAX)
                all[n++] = emoji;
        (void) messages_react(a->account, a->calls, a->conversation, m->id, all, n, a->done, a->userdata);
}

void message_acts_copy(const struct message_acts *a, const struct message_facts *m)
{
        gdk_clipboard_set_text(gtk_widget_get_clipboard(a->widget), m->text);
}

void message_acts_pin(const struct message_acts *a, const struct message_facts *m)
{
        (void) account_call(a->account, a->calls, CRYPTO_MESSAGES, "Pin", a->done, a->userdata, "stb", a->conversation,
                            m->id, (int) !m->pinned);
}

/* A question about a message. The view ends its dialogs before it forgets the account. */
struct question {
        struct message_acts acts;
        uint64_t message;
};

static struct question *question_new(const struct message_acts *a, const struct message_facts *m)
{
        struct question *q = g_new(struct question, 1);

        *q = (struct question){ *a, m->id };
        return q;
}

static void question_free(gpointer q, GClosure *closure)
{
        g_free(q);
}

/* Forwarding. */

static void on_choice(const char *to, void *userdata)
{
        struct question *q = userdata;
        const struct message_acts *a = &q->acts;

        if (to)
                (void) account_call(a->account, a->calls, CRYPTO_MESSAGES, "Forward", a->done, a->userdata, "sts",
                                    a->conversation, q->message, to);
        g_free(q);
}

void message_acts_forward(const struct message_acts *a, const struct message_facts *m)
{
        conversation_choice_ask(a->widget, a->account, a->people, "Forward To", on_choice, question_new(a, m));
}

/* Deleting. */

static void on_delete(AdwMessageDialog *dialog, const char *answer, gpointer userdata)
{
        struct question *q = userdata;
        const struct message_acts *a = &q->acts;
        bool for_all = strcmp(answer, "all") == 0;

        if (for_all || strcmp(answer, "here") == 0)
                (void) account_call(a->account, a->calls, CRYPTO_MESSAGES, "Delete", a->done, a->userdata, "stb",
                                    a->conversation, q->message, (int) for_all);
}

static AdwMessageDialog *new_dialog(const struct message_acts *a, const char *heading, const char *body)
{
        GtkRoot *window = gtk_widget_get_root(a->widget);

        return ADW_MESSAGE_DIALOG(adw_message_dialog_new(GTK_WINDOW(window), heading, body));
}

void message_acts_delete(const struct message_acts *a, const struct message_facts *m)
{
        bool for_all = m->own && !m->failed && strcmp(m->kind, "deleted") != 0;
        AdwMessageDialog *dialog =
                new_dialog(a, "Delete the Message?",
                           for_all ? "Here alone it goes without a trace. For all, a note stays in its place; whoever "
                                     "has read it has "
                                     "read it."
                                   : "It goes from this machine without a trace. The others keep it.");

        adw_message_dialog_add_responses(dialog, "cancel", "_Cancel", "here", "Delete _Here", NULL);
        adw_message_dialog_set_response_appearance(dialog, "here", ADW_RESPONSE_DESTRUCTIVE);
        if (for_all) {
                adw_message_dialog_add_response(dialog, "all", "Delete for _All");
                adw_message_dialog_set_response_appearance(dialog, "all", ADW_RESPONSE_DESTRUCTIVE);
        }
        adw_message_dialog_set_close_response(dialog, "cancel");
        g_signal_connect_data(dialog, "response", G_CALLBACK(on_delete), question_new(a, m), question_free, 0);
        part_ask(dialog);
}

/* Receipts. */

static void append_receipt(GString *text, const struct people *people, const struct receipt *one)
{
        g_autofree char *name = people_name(people, one->who);
        uint64_t time = one->read > 0 ? one->read : one->delivered;
        g_autofree char *when = when_full(time);

        g_string_append_printf(text, "%s%s: %s%s", text->len > 0 ? "\n" : "", name,
                               one->read > 0        ? "read, "
                               : one->delivered > 0 ? "delivered, "
                                                    : "not delivered yet",
                               time > 0 ? when : "");
}

static void on_receipts(const struct receipt *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct question *q = userdata;
        g_autoptr(GString) text = g_string_new(NULL);

        for (size_t i = 0; i < n; i++)
                append_receipt(text, q->acts.people, &list[i]);
        if (n == 0)
                g_string_append(text, error ? client_error_text(error) : "Nobody has said so yet.");
        AdwMessageDialog *dialog = new_dialog(&q->acts, "Who Has Read It", text->str);
        adw_message_dialog_add_response(dialog, "close", "_Close");
        part_ask(dialog);
        g_free(q);
}

void message_acts_info(const struct message_acts *a, const struct message_facts *m)
{
        struct question *q = question_new(a, m);

        if (messages_receipts(a->account, a->calls, a->conversation, m->id, on_receipts, q) < 0)
                g_free(q);
}
