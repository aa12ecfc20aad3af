/* The messages of a conversation: a window onto its history, which is read from cryptod page by page in either
 * direction, so that a conversation of any length opens, scrolls and jumps in the same time.
 *
 *     open ─▶ the newest page ─┬─ scrolled to the top ─▶ the page before it, above
 *                              ├─ jump to a message that is not shown ─▶ the pages around it, instead
 *                              └─ MessageAdded, sent ─▶ what is newer, below, if the newest are shown
 *
 * What is shown is read, never taken from a signal. */
#pragma once

#include "ui/desktop/message_bubble.h"

#include <gtk/gtk.h>

struct timeline;

struct timeline_events {
        /* What there is has been shown, at first or again; @last is the newest message's id, 0: there is none. */
        void (*shown)(uint64_t last, void *userdata);
        /* Whether the newest message is shown and in view. */
        void (*at_end)(bool at_end, void *userdata);
        void (*failed)(const sd_bus_error *error, void *userdata);
};

/* Fills @scroller; lives as long as that. @style and @events must outlive it. */
struct timeline *timeline_new(GtkScrolledWindow *scroller, const struct message_bubble_style *style,
                              const struct timeline_events *events, void *userdata);

/* Shows the newest messages of a conversation of @a, which must stay until timeline_close(); with a mark above the
 * first that came after @read, if @unread of them have not been read. */
void timeline_open(struct timeline *t, struct account *a, const char *conversation, uint64_t read, uint32_t unread);
void timeline_close(struct timeline *t);

/* Something has come; a message has changed, its state has, it is there no more. */
void timeline_added(struct timeline *t);
void timeline_edited(struct timeline *t, uint64_t message);
void timeline_state(struct timeline *t, uint64_t message, const char *state);
void timeline_erased(struct timeline *t, uint64_t message);

/* Shows this message, wherever it is, and marks it for a moment. */
void timeline_jump(struct timeline *t, uint64_t message);
/* … and the newest, at the end. */
void timeline_jump_to_end(struct timeline *t);

/* The end is to be in view from now on: the person has said something. */
void timeline_stay_at_end(struct timeline *t);
/* The newest of one's own that can be edited, or NULL. */
const struct message_facts *timeline_last_own(struct timeline *t);
