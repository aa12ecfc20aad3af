/* A window in which one of the conversations is chosen. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/people.h"

#include <gtk/gtk.h>

/* @conversation is borrowed during the call; NULL: none was chosen. */
typedef void (*conversation_choice_done)(const char *conversation, void *userdata);

/* Asks over the window that @widget is in; @done is called once, also if that window goes. @account and @people must
 * stay until then. */
void conversation_choice_ask(GtkWidget *widget, struct account *account, const struct people *people, const char *title,
                             conversation_choice_done done, void *userdata);
