/* What is known of somebody's key, as a mark beside the name. */
#pragma once

#include <gtk/gtk.h>

#include "ui/desktop/people.h"

/* Shows the mark in @image, or hides it. */
void trust_mark_set(GtkImage *image, enum trust trust);

/* What it says in words; "" for none. */
const char *trust_words(enum trust trust);
