/* The list of conversations, newest first: who, when, the last words, and how many are unread. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/contacts.h"

struct conversation_list;

struct conversation_list_events {
        /* The person has chosen one. The strings are the list's. */
        void (*chosen)(const char *id, const char *address, void *userdata);
};

/* Fills @box, an empty GtkListBox; lives as long as that. @events must outlive it. */
struct conversation_list *conversation_list_new(GtkListBox *box, const struct conversation_list_events *events,
                                                void *userdata);

/* Shows these and no others. Rows that stay keep their selection and focus. */
void conversation_list_set(struct conversation_list *l, const struct conversation *list, size_t n);

/* Marks the rows of these people, and no others. */
void conversation_list_mark(struct conversation_list *l, const struct contact *list, size_t n);

/* As if the person had chosen that one; nothing happens if it is not there. */
void conversation_list_choose(struct conversation_list *l, const char *id);

/* Selects the row of that conversation, or none for NULL. */
void conversation_list_select(struct conversation_list *l, const char *id);
