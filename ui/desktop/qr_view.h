/* A text as a QR code, for a camera that looks at the screen. */
#pragma once

#include <gtk/gtk.h>

/* @name: what a screen reader calls it. Hidden until a text is set. */
GtkWidget *qr_view_new(const char *name);

/* NULL, or a text that is too long for a code: nothing is shown. */
void qr_view_set(GtkWidget *view, const char *text);
