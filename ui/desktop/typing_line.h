/* Who is writing just now, in a line that is there while somebody is. */
#pragma once

#include "ui/desktop/people.h"

#include <gtk/gtk.h>

struct typing_line;

/* Its widget is a child of @parent from now on, the last one; it lives as long as that. */
struct typing_line *typing_line_new(GtkBox *parent, const struct people *people);

/* @who writes, or has stopped; without being told again, they have stopped ten seconds later. */
void typing_line_set(struct typing_line *l, const char *who, bool typing);
void typing_line_clear(struct typing_line *l);
