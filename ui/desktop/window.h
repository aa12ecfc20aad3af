/* The window, and what a person sees in it:
 *
 *     starting ─▶ log-in ⇄ sign-up ─▶ chats
 *      │   ▲        ▲─────(locked)─────┘
 *      ▼   │
 *     unreachable ◀── the bus or its services are gone, from anywhere                                     */
#pragma once

#include <adwaita.h>

/* Opens the window of @app and connects to @bus_address (NULL: $VISAVIS_BUS, or the system bus). All of it ends with
 * the window. */
GtkWindow *window_new(GtkApplication *app, const char *bus_address);
