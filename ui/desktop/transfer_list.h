/* The files of a conversation that are on their way, each with how far it is, and what can be done about it. */
#pragma once

#include "ui/client/transfers.h"

#include <gtk/gtk.h>

struct transfer_list;

/* Its widget is a child of @parent from now on, the last one; it lives as long as that. @failed is called when
 * something could not be done. */
struct transfer_list *transfer_list_new(GtkBox *parent, account_done failed, void *userdata);

/* Shows those of @conversation; NULL for none. */
void transfer_list_show(struct transfer_list *l, struct account *a, const struct transfers *t,
                        const char *conversation);
