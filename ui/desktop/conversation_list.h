/* The list of conversations, newest first: who, when, the last words or the draft, and how many are unread. It shows
 * those that are archived or those that are not, and of these whose names have what is searched for. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"
#include "ui/desktop/people.h"

struct conversation_list;

struct conversation_list_events {
        /* The person has chosen one. The strings are the list's. */
        void (*chosen)(const char *id, const char *address, void *userdata);
        /* How many are archived, and how many of all are to be seen. */
        void (*counted)(unsigned archived, unsigned shown, void *userdata);
};

/* Fills @box, an empty GtkListBox; lives as long as that. @people and @events must outlive it. */
struct conversation_list *conversation_list_new(GtkListBox *box, const struct people *people,
                                                const struct conversation_list_events *events, void *userdata);

/* Shows these of @a and no others. Rows that stay keep their selection and focus. */
void conversation_list_set(struct conversation_list *l, struct account *a, const struct conversation *list, size_t n);

/* Forgets all. */
void conversation_list_clear(struct conversation_list *l);

/* What is set in a conversation has changed. */
void conversation_list_changed(struct conversation_list *l, const char *id);

/* What is known of people has changed. */
void conversation_list_mark(struct conversation_list *l);

/* Those that are archived instead of the others; with @words in their names alone. */
void conversation_list_show_archived(struct conversation_list *l, bool archived);
void conversation_list_filter(struct conversation_list *l, const char *words);

/* What a conversation is called; "" if it is not there. */
const char *conversation_list_address(struct conversation_list *l, const char *id);

/* As if the person had chosen that one; nothing happens if it is not there. */
void conversation_list_choose(struct conversation_list *l, const char *id);

/* Selects the row of that conversation, or none for NULL. */
void conversation_list_select(struct conversation_list *l, const char *id);
