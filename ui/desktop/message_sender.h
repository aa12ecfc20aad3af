/* Who wrote a message in a group: the name in a colour of its own, with the mark of a verified key. */
#pragma once

#include "ui/desktop/people.h"

#include <gtk/gtk.h>

/* A floating widget. */
GtkWidget *message_sender_new(const struct people *people, const char *address);
