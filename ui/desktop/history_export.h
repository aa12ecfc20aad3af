/* Writes a conversation to a file that the person names. */
#pragma once

#include "ui/client/account.h"

#include <gtk/gtk.h>

/* Asks for a name over the window that @widget is in, then has cryptod write there: JSON if the name ends so, else
 * text. The file appears under its name when it is whole. @title is the name that is proposed. It says how it ended,
 * and gives up when @widget goes. */
void history_export_ask(GtkWidget *widget, struct account *account, const char *conversation, const char *title);
