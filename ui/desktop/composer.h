/* Where a message is written: Enter sends it, Shift+Enter starts a new line, and a bar above it says what it answers or
 * which message it replaces. */
#pragma once

#include <gtk/gtk.h>

struct composer;

struct composer_events {
        /* The person wants to send @text, which may be empty only where there are attachments. True: it has been taken,
         * and the field is emptied. */
        bool (*send)(const char *text, void *userdata);
        /* Something was typed; @text is what stands there now. */
        void (*typed)(const char *text, void *userdata);
        /* The bar was closed. */
        void (*let_go)(void *userdata);
        /* Up, in an empty field: the last message is to be edited. */
        void (*edit_last)(void *userdata);
        /* The button was pressed that adds files. */
        void (*attach)(void *userdata);
};

/* Its widget is a child of @parent from now on, the last one; it lives as long as that. @events must outlive it. */
struct composer *composer_new(GtkBox *parent, const struct composer_events *events, void *userdata);

/* Shows the bar: @title says what is being done, @text to which message; NULL for none. */
void composer_set_context(struct composer *c, const char *icon, const char *title, const char *text);

/* Files are to go with what is sent, so that it may be empty. */
void composer_set_attached(struct composer *c, bool attached);

/* Puts a text back that could not be sent, if nothing has been written since. */
void composer_restore(struct composer *c, const char *text);

/* Writes @text there without telling of it. */
void composer_set_text(struct composer *c, const char *text);
char *composer_text(struct composer *c);

/* The place of what goes with the text, above the field. */
GtkBox *composer_attached(struct composer *c);

/* The field, for what completes and pastes. */
GtkTextView *composer_view(struct composer *c);

void composer_clear(struct composer *c);
void composer_focus(struct composer *c);
