/* One message as a person wrote it: a bubble at the right for one's own, at the left for others', with who, what it
 * replies to, its file, its words, what people think of it, and what has become of it.
 *
 * It is made anew whenever cryptod says that something in it has changed. */
#pragma once

#include "ui/desktop/message_facts.h"
#include "ui/desktop/people.h"

#include <gtk/gtk.h>

struct message_bubble_style {
        const struct people *people;
        const char *self; /* the account's own address */
        bool group;       /* others are named above what they say */
        const struct message_events *events;
        void *userdata;
};

/* A floating widget. What @style points to must outlive it. */
GtkWidget *message_bubble_new(const struct said *s, const struct message_bubble_style *style);

void message_bubble_set_state(GtkWidget *bubble, const char *state);

/* Closer to the one before it, and without a name: the same person goes on within a few minutes. */
void message_bubble_set_follows(GtkWidget *bubble, bool follows);

/* What can be done with it, beside it. */
void message_bubble_open_menu(GtkWidget *bubble);

/* Valid as long as the widget. */
const struct message_facts *message_bubble_facts(GtkWidget *bubble);
