/* The words of a message, as their author marked them up: Markdown's subset, links that are asked about before they are
 * followed, and of a very long text the beginning alone until the person wants the rest. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/messages.h"

/* A floating widget. What @s has is copied. */
GtkWidget *message_words_new(const struct said *s);

/* A label for what is no author's text but stands in its place. */
GtkWidget *message_words_note(const char *text);
