/* The messages that are pinned in a conversation, one at a time; activated, it leads to the one that it shows, and
 * shows the next. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/people.h"

#include <gtk/gtk.h>

struct pinned_bar;

typedef void (*pinned_bar_chosen)(uint64_t message, void *userdata);

/* Its widget is a child of @parent from now on, the last one; it lives as long as that. */
struct pinned_bar *pinned_bar_new(GtkBox *parent, const struct people *people, pinned_bar_chosen chosen,
                                  void *userdata);

/* Asks again what is pinned; @conversation must stay until pinned_bar_clear(). */
void pinned_bar_follow(struct pinned_bar *b, struct account *a, const char *conversation);
void pinned_bar_clear(struct pinned_bar *b);
