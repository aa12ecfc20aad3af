/* Whom an account knows: requests that wait, contacts, who was met in groups, who is blocked; and the ways to add
 * somebody. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"
#include "ui/desktop/trust_mark.h"

struct contacts_window_events {
        /* As contact_page_events.opened; the window is closed then. */
        void (*opened)(const char *conversation, const char *address, enum trust safety, void *userdata);
};

/* Opens the window above @parent, with the page of the person with this address on top, or NULL. It closes with it, and
 * must be closed (sheets_close()) before @a is gone; @events must outlive it. */
void contacts_window_open(GtkWindow *parent, struct account *a, const char *address,
                          const struct contacts_window_events *events, void *userdata);
