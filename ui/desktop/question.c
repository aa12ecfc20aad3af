/* A question before something that cannot be undone. */
#include "ui/desktop/question.h"

#include <adwaita.h>

struct question {
        void (*done)(void *userdata);
        void *userdata;
};

static void on_response(AdwMessageDialog *dialog, const char *response, gpointer userdata)
{
        struct question *q = userdata;

        if (g_strcmp0(response, "do") == 0)
                q->done(q->userdata);
}

void question_ask(GtkWindow *parent, const char *heading, const char *body, const char *answer,
                  void (*done)(void *userdata), void *userdata)
{
        GtkWidget *w = adw_message_dialog_new(parent, NULL, NULL);
        AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG(w);
        struct question *q = g_new0(struct question, 1);

        *q = (struct question){ done, userdata };
        adw_message_dialog_set_heading(dialog, heading);
        adw_message_dialog_set_body(dialog, body);
        adw_message_dialog_add_responses(dialog, "cancel", "_Cancel", "do", answer, NULL);
        adw_message_dialog_set_response_appearance(dialog, "do", ADW_RESPONSE_DESTRUCTIVE);
        adw_message_dialog_set_default_response(dialog, "cancel");
        adw_message_dialog_set_close_response(dialog, "cancel");
        gtk_window_set_destroy_with_parent(GTK_WINDOW(w), true);
        g_signal_connect_data(w, "response", G_CALLBACK(on_response), q, (GClosureNotify) (void (*)(void)) g_free, 0);
        gtk_window_present(GTK_WINDOW(w));
}
