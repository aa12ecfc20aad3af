/* A group begins: its name, and who is in it from the start. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"

/* Opens the window above @parent. @made is called with the new conversation and its name, valid during the call, and
 * the window is closed then. It must be closed (sheets_close()) before @a is gone. */
void new_group_window_open(GtkWindow *parent, struct account *a,
                           void (*made)(const char *conversation, const char *name, void *userdata), void *userdata);
