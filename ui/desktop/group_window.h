/* A group: its name and picture, who is in it, who may do what, and the way out. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"

/* Opens the window of that group above @parent. It must be closed (sheets_close()) before @a is gone. */
void group_window_open(GtkWindow *parent, struct account *a, const char *conversation);
