/* The file of a message: its thumbnail, if the sender made one, what it is called and how large it is, and a button
 * that saves it. Nothing of it is ever opened here.
 *
 * A thumbnail is raw pixels with a size before them (docs/content.md), so there is nothing to decode. */
#pragma once

#include "ui/desktop/message_facts.h"

#include <gtk/gtk.h>

/* A floating widget. @m and @events must outlive it. */
GtkWidget *message_file_new(const struct said *s, const struct message_facts *m, const struct message_events *events,
                            void *userdata);
