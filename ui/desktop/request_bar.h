/* Above the field of a conversation that somebody has begun who is no contact: whether it is wanted. */
#pragma once

#include "ui/client/account.h"

#include <gtk/gtk.h>

struct request_bar;

struct request_bar_events {
        /* It was declined, and what came is forgotten. */
        void (*declined)(void *userdata);
        void (*failed)(const sd_bus_error *error, void *userdata);
};

/* Its widget is a child of @parent from now on, the last one; it lives as long as that. @events must outlive it. */
struct request_bar *request_bar_new(GtkBox *parent, const struct request_bar_events *events, void *userdata);

/* @person: their address, who can be blocked; NULL of a group. The strings must stay until request_bar_hide(). */
void request_bar_show(struct request_bar *b, struct account *a, const char *conversation, const char *name,
                      const char *person);
void request_bar_hide(struct request_bar *b);
