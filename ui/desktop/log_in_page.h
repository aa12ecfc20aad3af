/* The log-in page: whose account, the PIN, then the face.
 *
 *     who ─(picked, or recognised)─▶ PIN ─(Log In)─▶ face ─▶ unlocked()
 *                                     │ ▲── refused ──┘
 *                                     └─▶ recovery code ─▶ unlocked()
 *
 * With one account, and after a lock, it begins at the PIN. To be recognised is no log-in: it says whom to greet, and
 * the face is verified after the PIN all the same. The camera starts when the person asks, never by itself. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/accounts.h"

struct log_in_page;

struct log_in_page_events {
        /* The account whose object this is has been unlocked for the connection. */
        void (*unlocked)(const char *path, void *userdata);
        /* The person wants another account. */
        void (*sign_up)(void *userdata);
};

/* Its widget is a child of @parent from now on, of that name; it lives as long as that. @events must outlive it. */
struct log_in_page *log_in_page_new(GtkStack *parent, const char *name, const struct log_in_page_events *events,
                                    void *userdata);

/* Starts over with these accounts, at least one. @last: the path of the one to begin with, if it is among them. */
void log_in_page_start(struct log_in_page *p, sd_bus *bus, const struct account_entry *list, size_t n,
                       const char *last);

/* Says what has happened, until something else does. */
void log_in_page_say(struct log_in_page *p, const char *icon, const char *title, const char *text);

/* One step back: what Escape does. */
void log_in_page_back(struct log_in_page *p);

/* Cancels what is under way and forgets what has been typed. */
void log_in_page_stop(struct log_in_page *p);
