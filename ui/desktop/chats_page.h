/* What a person sees who is logged in: the list of conversations and, beside it or instead of it, the open one. It
 * holds the account and ends with its lock:
 *
 *     start ─▶ ready ─▶ conversations ─(locked, or Lock)─▶ locked()                                     */
#pragma once

#include <gtk/gtk.h>
#include <systemd/sd-bus.h>

#include "ui/desktop/trust_mark.h"

struct chats_page;

struct account;

struct chats_page_events {
        /* The account, which belongs to the page, can be used until it is locked or the page is stopped. */
        void (*ready)(struct account *a, void *userdata);
        /* The account is locked, whoever did it; nothing of it is shown or held any more. @wished: by the person, here.
         */
        void (*locked)(bool wished, void *userdata);
};

/* Its widget is a child of @parent from now on, of that name; it lives as long as that. @events must outlive it. */
struct chats_page *chats_page_new(GtkStack *parent, const char *name, const struct chats_page_events *events,
                                  void *userdata);

/* Shows the account at @path, which the connection has unlocked. Errors: as account_open(). */
int chats_page_start(struct chats_page *p, sd_bus *bus, const char *path);

/* What the keyboard and the menu can do; without an account nothing happens. */
void chats_page_lock(struct chats_page *p);
void chats_page_new_conversation(struct chats_page *p);
void chats_page_back(struct chats_page *p);
void chats_page_search(struct chats_page *p);

/* Opens the conversation with the person or group of this name; with @safety, the page of the safety number of a key
 * that is known so, else (TRUST_NONE) the messages. */
void chats_page_open(struct chats_page *p, const char *conversation, const char *address, enum trust safety);

/* Opens that conversation, if it is in the list. */
void chats_page_show(struct chats_page *p, const char *conversation);

/* The id of the conversation that is open, and whose it is; NULL if none is. */
const char *chats_page_conversation(const struct chats_page *p, const char **address);

/* Whether the person looks at that conversation. */
bool chats_page_is_watched(const struct chats_page *p, const char *conversation);

/* The window is in front (again): what is shown counts as read. */
void chats_page_looked_at(struct chats_page *p);

/* Forgets the account and all that is shown of it. */
void chats_page_stop(struct chats_page *p);
