/* See date_choice.h. */
#include "ui/desktop/date_choice.h"

#include <string.h>

#include "ui/desktop/parts.h"

struct date_choice {
        GtkCalendar *calendar;
        date_choice_done done;
        void *userdata;
};

static void on_answer(AdwMessageDialog *dialog, const char *answer, gpointer userdata)
{
        struct date_choice *c = userdata;
        g_autoptr(GDateTime) day = gtk_calendar_get_date(c->calendar);
        g_autoptr(GDateTime) start = g_date_time_new_local(g_date_time_get_year(day), g_date_time_get_month(day),
                                                           g_date_time_get_day_of_month(day), 0, 0, 0);

        if (strcmp(answer, "jump") == 0 && start && g_date_time_to_unix(start) > 0)
                c->done((uint64_t) g_date_time_to_unix(start) * G_USEC_PER_SEC, c->userdata);
}

static void release(gpointer c, GClosure *closure)
{
        g_free(c);
}

void date_choice_ask(GtkWidget *widget, date_choice_done done, void *userdata)
{
        struct date_choice *c = g_new0(struct date_choice, 1);
        GtkWidget *calendar = gtk_calendar_new();
        GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(gtk_widget_get_root(widget)), "Jump to Date", NULL);

        *c = (struct date_choice){ GTK_CALENDAR(calendar), done, userdata };
        adw_message_dialog_set_extra_child(ADW_MESSAGE_DIALOG(dialog), calendar);
        adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "cancel", "_Cancel", "jump", "_Jump", NULL);
        adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "jump");
        adw_message_dialog_set_response_appearance(ADW_MESSAGE_DIALOG(dialog), "jump", ADW_RESPONSE_SUGGESTED);
        adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
        g_signal_connect_data(dialog, "response", G_CALLBACK(on_answer), c, release, 0);
        part_ask(dialog);
}
