/* The page with the safety number of the person and somebody else: 60 digits to read aloud, and a code to be scanned.
 * Who has compared them says so here; who has another key than before is accepted here. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"
#include "ui/desktop/trust_mark.h"

struct safety_page;

struct safety_page_events {
        /* The person goes back to the conversation. */
        void (*back)(void *userdata);
        /* What is known of the key is another now. */
        void (*changed)(void *userdata);
};

/* Its widget is a child of @parent from now on, of that name; it lives as long as that. @events must outlive it. */
struct safety_page *safety_page_new(GtkStack *parent, const char *name, const struct safety_page_events *events,
                                    void *userdata);

/* About the person at @address. @a must stay until safety_page_stop(), which forgets all that is shown. */
void safety_page_start(struct safety_page *p, struct account *a, const char *address, enum trust trust);
void safety_page_stop(struct safety_page *p);
bool safety_page_is_open(const struct safety_page *p);
