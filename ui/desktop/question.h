/* A question before something that cannot be undone. */
#pragma once

#include <gtk/gtk.h>

/* Asks @heading and @body above @parent; @answer is what the button that does it says. @done is called once, if the
 * person has chosen that; not if they have cancelled, or if the question was closed with its parent. */
void question_ask(GtkWindow *parent, const char *heading, const char *body, const char *answer,
                  void (*done)(void *userdata), void *userdata);
