/* What can be set and done in a conversation as a whole, behind a button of its header. */
#pragma once

#include "ui/client/description.h"

#include <gtk/gtk.h>

struct conversation_menu;

struct conversation_menu_events {
        void (*search)(void *userdata);
        /* The person wants to see what was said on that day (microseconds since 1970, its beginning). */
        void (*jump_to)(uint64_t time, void *userdata);
        /* A call could not be done. */
        void (*failed)(const sd_bus_error *error, void *userdata);
        /* What was said here is gone. */
        void (*cleared)(void *userdata);
};

/* Works @button; the actions are those of @widget and what is in it. Lives as long as @widget. */
struct conversation_menu *conversation_menu_new(GtkMenuButton *button, GtkWidget *widget,
                                                const struct conversation_menu_events *events, void *userdata);

/* Which conversation, until conversation_menu_close(); the strings must stay. @title is for files and questions. */
void conversation_menu_open(struct conversation_menu *m, struct account *a, const char *conversation,
                            const char *title);
void conversation_menu_close(struct conversation_menu *m);

/* How it stands. */
void conversation_menu_set(struct conversation_menu *m, const struct description *d);
