/* The person before the camera, with the picture, what to do now, what to mend, how far it is, and a button to give up:
 * one sign-up or log-in from the moment at which the PIN is there, or one attempt alone (who is it; is it still them;
 * another look). Every page that needs a face shows it. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/login.h"

struct face_step;

struct face_step_events {
        /* As login_events.done. */
        void (*done)(const char *path, const sd_bus_error *error, void *userdata);
        /* The end of face_step_look(): @view has what was seen and @ticket what a verification is worth, both valid
         * during the call; or @error. */
        void (*seen)(const struct attempt_view *view, struct bytes ticket, const sd_bus_error *error, void *userdata);
        /* The person has given up; the attempt is over. */
        void (*cancelled)(void *userdata);
};

/* Its widget is a child of @parent from now on; it lives as long as that. @events must outlive it; a page needs only
 * the functions for what it starts. */
struct face_step *face_step_new(GtkBox *parent, const struct face_step_events *events, void *userdata);

/* As login_start(): @pin passes to it also if this fails. One that is under way is cancelled first. */
int face_step_start(struct face_step *s, sd_bus *bus, const struct login_request *request, struct secret *pin);

/* As attempt_start(). */
int face_step_look(struct face_step *s, sd_bus *bus, const struct attempt_request *request);

/* Cancels what is under way; nothing more comes. */
void face_step_stop(struct face_step *s);
