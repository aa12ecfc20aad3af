/* A conversation: a header, what is pinned, its messages, who is writing, and the field to write in.
 *
 *     open ─▶ Describe ─▶ the newest messages and the draft ─▶ live, until another is opened or close            */
#pragma once

#include "ui/client/transfers.h"
#include "ui/desktop/people.h"

#include <gtk/gtk.h>

struct conversation_view;

struct conversation_view_events {
        /* The person goes back to the list. */
        void (*back)(void *userdata);
        /* Messages have been marked as read. */
        void (*read)(void *userdata);
        /* The person wants to see the safety number. The string is the view's. */
        void (*safety)(const char *address, enum trust trust, void *userdata);
        /* The open conversation is wanted no more: a request that was declined. */
        void (*gone)(void *userdata);
};

/* Its widget is a child of @parent from now on, of that name; it lives as long as that. @people and @events must
 * outlive it. */
struct conversation_view *conversation_view_new(GtkStack *parent, const char *name, const struct people *people,
                                                const struct conversation_view_events *events, void *userdata);

/* Beside the list (false) or instead of it (true), with a button that leads back. */
void conversation_view_set_folded(struct conversation_view *v, bool folded);

/* Shows this conversation of @a, which must stay until conversation_view_close(). @address: of the person, or the name
 * of the group. */
void conversation_view_open(struct conversation_view *v, struct account *a, const char *id, const char *address);

/* Forgets all that is shown. */
void conversation_view_close(struct conversation_view *v);

/* Closes the search, or lets the message go that is being answered or edited. False: there is nothing of that. */
bool conversation_view_back(struct conversation_view *v);

/* The id of the conversation that is open, and whose it is: an address, or a name. Or NULL. */
const char *conversation_view_id(const struct conversation_view *v);
const char *conversation_view_address(const struct conversation_view *v);

/* Shows a message of it. */
void conversation_view_jump(struct conversation_view *v, uint64_t message);

/* The bar that searches in it. */
void conversation_view_search(struct conversation_view *v);

/* The account's files on their way have changed; NULL when the account ends. They must stay until the next call. */
void conversation_view_set_transfers(struct conversation_view *v, const struct transfers *t);

/* What the account announces; other conversations' are ignored. */
void conversation_view_added(struct conversation_view *v, const char *conversation);
void conversation_view_state(struct conversation_view *v, const char *conversation, uint64_t message,
                             const char *state);
void conversation_view_edited(struct conversation_view *v, const char *conversation, uint64_t message);
void conversation_view_erased(struct conversation_view *v, const char *conversation, uint64_t message);
void conversation_view_typing(struct conversation_view *v, const char *conversation, const char *who, bool typing);
void conversation_view_changed(struct conversation_view *v, const char *conversation);

/* What is known of people has changed. */
void conversation_view_mark(struct conversation_view *v);

/* The person looks at the window (again): what is shown counts as read. */
void conversation_view_looked_at(struct conversation_view *v);
