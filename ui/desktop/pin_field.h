/* From the field that a PIN is typed into to a struct secret.
 *
 * GTK's password buffer is locked memory that is zeroed when it is released; it is replaced, not merely emptied, so
 * that nothing stays behind the end of a shorter text. What the input method and the display server have seen on the
 * way is beyond our reach. */
#pragma once

#include <gtk/gtk.h>

#include "services/secret.h"

/* Prepares @entry, a GtkPasswordEntry: no undo history, a limit on its length. */
void pin_field_prepare(GtkWidget *entry);

/* What has been typed, valid until the entry changes. */
struct bytes pin_field_bytes(GtkWidget *entry);

/* Forgets what has been typed. */
void pin_field_clear(GtkWidget *entry);

/* A copy of what has been typed, as the caller's; the entry is empty afterwards. */
struct secret *pin_field_take(GtkWidget *entry);
