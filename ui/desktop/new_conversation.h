/* The dialog that asks whom to talk to, and opens the conversation. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"

/* Opens the dialog over @parent. @opened gets the conversation, once, unless the person gives up; then the dialog is
 * gone. The dialog must be closed (gtk_window_destroy()) before @a is freed. */
typedef void (*new_conversation_opened)(const char *id, const char *address, void *userdata);
GtkWindow *new_conversation(GtkWindow *parent, struct account *a, new_conversation_opened opened, void *userdata);
