/* Into an account without the camera: by the recovery code, or by a passphrase alone where the administrator allows
 * one. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/login.h"

struct recovery_step;

struct recovery_step_events {
        /* The account with this object is unlocked. */
        void (*unlocked)(const char *path, void *userdata);
        void (*back)(void *userdata);
};

/* Its widget is a child of @parent from now on; it lives as long as that. @events must outlive it. */
struct recovery_step *recovery_step_new(GtkBox *parent, const struct recovery_step_events *events, void *userdata);

/* Asks for the code (@kind "recovery") or the passphrase ("passphrase") of this account. The strings are copied. */
void recovery_step_start(struct recovery_step *s, sd_bus *bus, const char *account, const char *path, const char *kind);

/* Forgets what has been typed, and cancels what is under way. */
void recovery_step_stop(struct recovery_step *s);
