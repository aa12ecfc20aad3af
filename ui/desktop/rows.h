/* Rows of a list in a window of settings or people: what all of them have in common. Texts may hold anything. */
#pragma once

#include <adwaita.h>

/* A row with a title, and below it a subtitle ("" for none). */
GtkWidget *row_new(const char *title, const char *subtitle);

/* A row for a person or a group: with an avatar. @name: what to call them; @address is shown without a hub's key. */
GtkWidget *row_person(const char *name, const char *address);

/* A button at the end of the row. A screen reader says @label, and of whom it is: the row's title. @icon NULL: @label
 * is what it shows. @class: a style class, or NULL. */
GtkWidget *row_button(GtkWidget *row, const char *label, const char *icon, const char *class);

/* A row that is itself a button, with an arrow; "activated" is emitted when it is. */
GtkWidget *row_link(const char *title, const char *subtitle);

/* A row to type into, with a button at its end that says @label. @act is called with @userdata for it and for Enter. */
GtkWidget *row_entry(const char *title, const char *label, void (*act)(gpointer userdata), gpointer userdata);

/* A group at the end of @page. */
AdwPreferencesGroup *row_group(AdwPreferencesPage *page, const char *title, const char *description);

/* The rows of a group that come and go. */
struct row_list;

/* Its rows are @group's; it lives as long as that. */
struct row_list *row_list_new(AdwPreferencesGroup *group);
void row_list_clear(struct row_list *l);
void row_list_add(struct row_list *l, GtkWidget *row);

/* What a row stands for: a string that the row keeps. */
void row_set_subject(GtkWidget *row, const char *subject);
const char *row_subject(GtkWidget *row);

/* Whether two addresses are the same, with or without the hub's key behind them. */
bool is_same_person(const char *a, const char *b);

/* How to call whoever has this address: by the nickname, else by the name before the @. The caller frees it. */
char *person_name(const char *address, const char *nickname);
