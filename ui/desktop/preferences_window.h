/* What the owner of an account can set: its label and idle lock, what opens it, what notifications say, its hubs, and
 * its end. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"

/* Opens the window above @parent. It must be closed (sheets_close()) before @a is gone. */
void preferences_window_open(GtkWindow *parent, struct account *a);
