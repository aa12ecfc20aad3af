/* What people think of a message: each different emoji with how many, and who; one's own can be taken back. */
#pragma once

#include "ui/desktop/message_facts.h"
#include "ui/desktop/people.h"

#include <gtk/gtk.h>

/* A floating widget. @m and @events must outlive it. */
GtkWidget *message_reactions_new(const struct said *s, const struct message_facts *m, const struct people *people,
                                 const struct message_events *events, void *userdata);
