/* Files of messages that a person wants to have: fetched, and written to where they said once they are there. */
#pragma once

#include "ui/client/messages.h"
#include "ui/client/transfers.h"

#include <gtk/gtk.h>

struct file_saving;

struct file_saving_events {
        /* @path: where it is now; NULL if it could not be had, and then why. */
        void (*saved)(const char *path, const sd_bus_error *error, void *userdata);
};

/* @events must outlive it. */
struct file_saving *file_saving_new(const struct file_saving_events *events, void *userdata);
void file_saving_free(struct file_saving *s);

/* Asks over the window of @widget where to, then fetches the file of this message. */
void file_saving_ask(struct file_saving *s, GtkWidget *widget, struct account *a, const char *conversation,
                     uint64_t message, const char *name);

/* How the transfers stand: what is ready is written. */
void file_saving_look(struct file_saving *s, const struct transfers *t);

/* Forgets all; what is on its way stays with cryptod. */
void file_saving_clear(struct file_saving *s);
