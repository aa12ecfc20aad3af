/* Something that went wrong, said in words: a card with a title and a sentence that says what to do, which unfolds
 * where it is needed. */
#pragma once

#include <gtk/gtk.h>
#include <systemd/sd-bus.h>

struct notice;

/* Its widget is a child of @parent from now on, the last one; it lives as long as that. */
struct notice *notice_new(GtkBox *parent);

/* Unfolds the card. @error: the service's own sentence, under a title for its name. */
void notice_show_error(struct notice *n, const sd_bus_error *error);
void notice_show(struct notice *n, const char *icon, const char *title, const char *text);
void notice_hide(struct notice *n);
