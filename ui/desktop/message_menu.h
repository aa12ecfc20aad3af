/* What can be done with a message, in a menu beside it: think something of it, answer it, and what is allowed of the
 * rest. */
#pragma once

#include "ui/desktop/message_facts.h"

#include <gtk/gtk.h>

/* A floating button that opens the menu. @m and @events must outlive it. */
GtkWidget *message_menu_new(const struct message_facts *m, const struct message_events *events, void *userdata);

/* Opens it, as its button does. */
void message_menu_open(GtkWidget *menu);
