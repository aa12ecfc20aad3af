/* The message that another one replies to: who, and how it begins. Activated, it leads there. */
#pragma once

#include "ui/desktop/message_facts.h"
#include "ui/desktop/people.h"

#include <gtk/gtk.h>

/* A floating widget. @events must outlive it. */
GtkWidget *message_quote_new(const struct said *s, const struct people *people, const struct message_events *events,
                             void *userdata);
