/* The person names files, in the window that their desktop has for that. */
#pragma once

#include <gtk/gtk.h>

/* @paths: ended by NULL, borrowed during the call; NULL if none was chosen. */
typedef void (*file_choice_done)(char **paths, void *userdata);

/* One to be written, which is proposed to be called @name; replacing what is there has been agreed to. */
void file_choice_save(GtkWidget *widget, const char *title, const char *name, file_choice_done done, void *userdata);

/* Any number to be read. */
void file_choice_open(GtkWidget *widget, const char *title, file_choice_done done, void *userdata);
