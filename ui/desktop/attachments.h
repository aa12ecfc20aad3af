/* The files that go with what is being written: chosen, dropped or pasted, shown above the field, and sent one by one.
 *
 * A picture, video or recording is looked at by a confined program for its thumbnail (ui/media/inspection.h), in a
 * thread; nothing of it is taken apart here. */
#pragma once

#include "ui/client/account.h"

#include <gtk/gtk.h>

struct attachments;

struct attachments_events {
        /* There are some now, or none any more. */
        void (*changed)(bool any, void *userdata);
        void (*failed)(const sd_bus_error *error, void *userdata);
};

/* Its widget is a child of @parent from now on, the last one; it lives as long as that. What is pasted into @view or
 * dropped onto @drop is taken. @events must outlive it. */
struct attachments *attachments_new(GtkBox *parent, GtkTextView *view, GtkWidget *drop,
                                    const struct attachments_events *events, void *userdata);

/* Asks for files. */
void attachments_ask(struct attachments *a);

bool attachments_any(const struct attachments *a);

/* Sends them, and @caption with the first; none are left. */
void attachments_send(struct attachments *a, struct account *account, const char *conversation, const char *caption);
void attachments_clear(struct attachments *a);
