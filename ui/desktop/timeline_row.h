/* One entry of a conversation: a message's bubble or a remark, with what stands above it by what comes before it: the
 * day, and where the unread ones begin. */
#pragma once

#include "ui/desktop/message_bubble.h"

#include <gtk/gtk.h>

/* A floating row. What @style points to must outlive it. */
GtkWidget *timeline_row_new(const struct said *s, const struct message_bubble_style *style);

/* Shows the message anew, as it is now. */
void timeline_row_set(GtkWidget *row, const struct said *s);

/* Says what comes before it, NULL for nothing that is known. */
void timeline_row_follow(GtkWidget *row, GtkWidget *previous);

/* Whether “New messages” stands above it. */
void timeline_row_set_unread_mark(GtkWidget *row, bool shown);

uint64_t timeline_row_id(GtkWidget *row);
uint64_t timeline_row_time(GtkWidget *row);
bool timeline_row_is_own(GtkWidget *row);

/* The bubble, or NULL of a remark. */
GtkWidget *timeline_row_bubble(GtkWidget *row);
