/* Where a message is written: Enter sends it, Shift+Enter starts a new line. */
#pragma once

#include <gtk/gtk.h>

struct composer;

struct composer_events {
        /* The person wants to send @text, which is not empty. True: it has been taken, and the field is emptied. */
        bool (*send)(const char *text, void *userdata);
};

/* Its widget is a child of @parent from now on, the last one; it lives as long as that. @events must outlive it. */
struct composer *composer_new(GtkBox *parent, const struct composer_events *events, void *userdata);

/* Puts a text back that could not be sent, if nothing has been written since. */
void composer_restore(struct composer *c, const char *text);

void composer_clear(struct composer *c);
void composer_focus(struct composer *c);
