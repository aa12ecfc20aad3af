/* The page that asks whom to talk to, and opens the conversation. It stands where a conversation would stand, not in a
 * window of its own: that suits narrow windows, and GTK 4.8 can crash when a screen reader asks about a window that has
 * just been closed. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"

struct new_conversation;

struct new_conversation_events {
        /* The conversation is there. */
        void (*opened)(const char *id, const char *address, void *userdata);
        /* The person has given up. */
        void (*cancelled)(void *userdata);
};

/* Its widget is a child of @parent from now on, of that name; it lives as long as that. @events must outlive it. */
struct new_conversation *new_conversation_new(GtkStack *parent, const char *name,
                                              const struct new_conversation_events *events, void *userdata);

/* Asks on behalf of @a, which must stay until new_conversation_stop(). */
void new_conversation_start(struct new_conversation *n, struct account *a);

/* Forgets what was asked; nothing more comes. */
void new_conversation_stop(struct new_conversation *n);
