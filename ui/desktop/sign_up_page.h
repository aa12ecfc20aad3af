/* The sign-up page: an address, a PIN, then the face.
 *
 *     address ⇄ PIN ─▶ face ─▶ signed_up()
 *        ▲       ▲───────┤ refused, for the face or the PIN
 *        └───────────────┘ refused, for the address or its hub                                          */
#pragma once

#include <gtk/gtk.h>
#include <systemd/sd-bus.h>

struct sign_up_page;

struct sign_up_page_events {
        /* The account whose object this is has been made, and is unlocked for the connection. */
        void (*signed_up)(const char *path, void *userdata);
        /* The person goes back to where they came from; only if sign_up_page_start() allowed it. */
        void (*left)(void *userdata);
};

/* Its widget is a child of @parent from now on, of that name; it lives as long as that. @events must outlive it. */
struct sign_up_page *sign_up_page_new(GtkStack *parent, const char *name, const struct sign_up_page_events *events,
                                      void *userdata);

/* Starts over. @may_leave: there is somewhere to go back to. */
void sign_up_page_start(struct sign_up_page *p, sd_bus *bus, bool may_leave);

/* One step back, or away if this is the first: what Escape does. */
void sign_up_page_back(struct sign_up_page *p);

/* Cancels what is under way and forgets what has been typed. */
void sign_up_page_stop(struct sign_up_page *p);
