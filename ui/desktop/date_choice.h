/* A window in which a day is chosen. */
#pragma once

#include <gtk/gtk.h>
#include <stdint.h>

/* @time: the beginning of that day here, microseconds since 1970. */
typedef void (*date_choice_done)(uint64_t time, void *userdata);

/* Asks over the window that @widget is in; @done is called if a day is chosen. */
void date_choice_ask(GtkWidget *widget, date_choice_done done, void *userdata);
