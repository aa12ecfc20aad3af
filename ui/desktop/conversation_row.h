/* One conversation in the list. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/account.h"
#include "ui/desktop/trust_mark.h"

struct conversation_row;

/* A floating row; what stands behind it lives as long as the widget. */
GtkListBoxRow *conversation_row_new(const char *id, const char *address);
struct conversation_row *conversation_row_of(GtkListBoxRow *row);

/* Shows the last message, its time and the number of unread ones. */
void conversation_row_set(struct conversation_row *r, const struct conversation *c);

/* The mark beside the name. */
void conversation_row_set_trust(struct conversation_row *r, enum trust trust);

const char *conversation_row_id(const struct conversation_row *r);
const char *conversation_row_address(const struct conversation_row *r);
uint64_t conversation_row_time(const struct conversation_row *r);
