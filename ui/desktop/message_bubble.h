/* One message: a bubble at the right for one's own, at the left for the other's, with its time and, for one's own, what
 * has become of it.
 *
 * The text is what somebody else has written: it is never read as markup, and of a very long one only the beginning is
 * laid out until the person asks for the rest. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"

struct message_bubble;

/* A floating widget; what stands behind it lives as long as that. @own: written by the person. @who: the
 * sender's address, to be shown above it, with a ? before it if their key is another than the one that is known; or
 * NULL. */
GtkWidget *message_bubble_new(const struct message *m, bool own, const char *who);
struct message_bubble *message_bubble_of(GtkWidget *widget);

/* queued, stored, delivered, read, received, failed; shown for one's own only. */
void message_bubble_set_state(struct message_bubble *b, const char *state);

/* Closer to the one before it: the same person goes on within a few minutes. */
void message_bubble_set_follows(struct message_bubble *b, bool follows);

uint64_t message_bubble_id(const struct message_bubble *b);
