/* Whose account it is: the camera may say so, or the person picks one by hand.
 *
 *     start ─┬─(Recognise Me)─▶ recognise()
 *            └─(an account)───▶ chosen()                                                                */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/accounts.h"

struct who_step;

struct who_step_events {
        /* The person has picked the account with this number in the list of who_step_start(). */
        void (*chosen)(size_t number, void *userdata);
        /* The camera is to say who it is. */
        void (*recognise)(void *userdata);
        /* The person wants another account. */
        void (*sign_up)(void *userdata);
};

/* Its widget is a child of @parent from now on; it lives as long as that. @events must outlive it. */
struct who_step *who_step_new(GtkBox *parent, const struct who_step_events *events, void *userdata);

/* Starts over with these accounts. */
void who_step_start(struct who_step *s, const struct account_entry *list, size_t n);

/* Says what has happened, until who_step_start() or the next one; @error NULL: nothing any more. */
void who_step_say_error(struct who_step *s, const sd_bus_error *error);
void who_step_say(struct who_step *s, const char *icon, const char *title, const char *text);

/* Puts the keyboard where the person goes on. */
void who_step_focus(struct who_step *s);
