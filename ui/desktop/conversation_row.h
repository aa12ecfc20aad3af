/* One conversation in the list. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"
#include "ui/desktop/people.h"

struct conversation_row;

/* A floating row; what stands behind it lives as long as the widget. @changed is called when what Describe says of it
 * has come. @people must outlive it. */
GtkListBoxRow *conversation_row_new(const char *id, const char *address, const struct people *people,
                                    void (*changed)(void *userdata), void *userdata);
struct conversation_row *conversation_row_of(GtkListBoxRow *row);

/* Shows the last message, its time and the number of unread ones. */
void conversation_row_set(struct conversation_row *r, const struct conversation *c);

/* Asks cryptod what is set in it, and what was written and not sent; shows that when it comes. */
void conversation_row_ask(struct conversation_row *r, struct account *a);

/* Shows the name and the mark beside it anew. */
void conversation_row_mark(struct conversation_row *r);

const char *conversation_row_id(const struct conversation_row *r);
const char *conversation_row_address(const struct conversation_row *r);
const char *conversation_row_name(const struct conversation_row *r);
uint64_t conversation_row_time(const struct conversation_row *r);
bool conversation_row_is_archived(const struct conversation_row *r);
