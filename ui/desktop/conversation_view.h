/* A conversation: its messages as bubbles, live, and the field to write in.
 *
 * What is shown is read from cryptod, never taken from a signal:
 *
 *     open ─▶ the last messages ─▶ wait ─(MessageAdded, sent)─▶ what is newer than the last one shown ─▶ wait …  */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/contacts.h"
#include "ui/desktop/trust_mark.h"

struct conversation_view;

struct conversation_view_events {
        /* The person goes back to the list. */
        void (*back)(void *userdata);
        /* Messages have been marked as read. */
        void (*read)(void *userdata);
        /* The person wants to see the safety number. The string is the view's. */
        void (*safety)(const char *address, enum trust trust, void *userdata);
};

/* Its widget is a child of @parent from now on, of that name; it lives as long as that. @events must outlive it. */
struct conversation_view *conversation_view_new(GtkStack *parent, const char *name,
                                                const struct conversation_view_events *events, void *userdata);

/* Beside the list (false) or instead of it (true), with a button that leads back. */
void conversation_view_set_folded(struct conversation_view *v, bool folded);

/* Shows this conversation of @a, which must stay until conversation_view_close(). */
void conversation_view_open(struct conversation_view *v, struct account *a, const char *id, const char *address);

/* Forgets all that is shown. */
void conversation_view_close(struct conversation_view *v);

/* The id of the conversation that is open, or NULL. */
const char *conversation_view_id(const struct conversation_view *v);

/* What the account announces; other conversations' messages are ignored. */
void conversation_view_added(struct conversation_view *v, const char *conversation);
void conversation_view_changed(struct conversation_view *v, const char *conversation, uint64_t message,
                               const char *state);

/* What is known of the keys of these people. */
void conversation_view_mark(struct conversation_view *v, const struct contact *list, size_t n);

/* The person looks at the window (again): what is shown counts as read. */
void conversation_view_looked_at(struct conversation_view *v);
