/* Below a message: when it was written, that it was edited, pinned, or disappears, and of one's own what has become of
 * it. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/messages.h"

/* A floating widget; message_foot_set() fills it. */
GtkWidget *message_foot_new(const struct said *s);

/* queued, stored, delivered, read, received, failed; shown for one's own only. Whether it has failed. */
bool message_foot_set_state(GtkWidget *foot, const char *state);
