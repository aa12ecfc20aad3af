/* The messages that have the words that are searched for, in all conversations: a list below the list of
 * conversations. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/people.h"

#include <gtk/gtk.h>

struct search_results;

struct search_results_events {
        /* What a conversation is called: an address, or a group's name. */
        const char *(*address)(const char *conversation, void *userdata);
        void (*chosen)(const char *conversation, uint64_t message, void *userdata);
        /* How many were found. */
        void (*counted)(unsigned n, void *userdata);
};

/* Fills @box, an empty GtkListBox; lives as long as that. @people and @events must outlive it. */
struct search_results *search_results_new(GtkListBox *box, const struct people *people,
                                          const struct search_results_events *events, void *userdata);

/* Looks for these words; "" for nothing. */
void search_results_find(struct search_results *s, struct account *a, const char *words);
void search_results_clear(struct search_results *s);
