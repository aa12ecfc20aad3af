/* A window above the main one with pages that lead into each other: a first page, and others that are pushed onto it
 * and gone when one goes back. The contacts, a group's members and the preferences are such. */
#pragma once

#include <adwaita.h>
#include <systemd/sd-bus.h>

struct sheet;

/* Shows the window with this first page; lives until it is closed. The state of a page belongs to the page's widget. */
struct sheet *sheet_new(GtkWindow *parent, const char *title, GtkWidget *page);

/* Shows @page on top of the others. */
void sheet_push(struct sheet *s, const char *title, GtkWidget *page);

/* Back to the page below; the one on top is gone. */
void sheet_pop(struct sheet *s);

/* Back to the first page. */
void sheet_pop_all(struct sheet *s);

/* What went wrong, above the page until it is left or something else is done; a short word that something is done. */
void sheet_show_error(struct sheet *s, const sd_bus_error *error);
void sheet_show(struct sheet *s, const char *title, const char *text);
void sheet_hide(struct sheet *s);
void sheet_toast(struct sheet *s, const char *text);

GtkWindow *sheet_window(struct sheet *s);
void sheet_close(struct sheet *s);

/* Closes all windows that stand above @parent: nothing of an account may be seen that is locked. */
void sheets_close(GtkWindow *parent);
