/* Before a link of somebody's is opened: where it leads, and whether that is wanted. */
#pragma once

#include <gtk/gtk.h>

/* Asks over the window that @widget is in, and opens @link in the person's browser only if they say so. */
void link_question_ask(GtkWidget *widget, const char *link);
