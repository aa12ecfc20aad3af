/* See link_question.h. */
#include "ui/desktop/link_question.h"

#include <stdlib.h>
#include <string.h>

#include "ui/client/markdown.h"
#include "ui/desktop/parts.h"

static void on_answer(GtkWidget *dialog, const char *answer, gpointer userdata)
{
        if (strcmp(answer, "open") == 0)
                gtk_show_uri(gtk_window_get_transient_for(GTK_WINDOW(dialog)), userdata, GDK_CURRENT_TIME);
}

static void release(gpointer userdata, GClosure *closure)
{
        g_free(userdata);
}

void link_question_ask(GtkWidget *widget, const char *link)
{
        GtkRoot *window = gtk_widget_get_root(widget);
        char *host = markdown_host(link);
        g_autofree char *heading = g_strdup_printf("Open %s?", host);
        GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(window), heading, NULL);

        free(host);
        adw_message_dialog_format_body(ADW_MESSAGE_DIALOG(dialog),
                                       "Your browser goes there; that site learns your network address.\n\n%s", link);
        adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "cancel", "_Cancel", "open", "_Open", NULL);
        adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
        g_signal_connect_data(dialog, "response", G_CALLBACK(on_answer), g_strdup(link), release, 0);
        part_ask(dialog);
}
