/* The bar that looks for words in a conversation, and leads from each message that has them to the next. */
#pragma once

#include "ui/client/account.h"

#include <gtk/gtk.h>

struct conversation_search;

typedef void (*conversation_search_found)(uint64_t message, void *userdata);

/* Its widget is a child of @parent from now on, the last one; it lives as long as that. */
struct conversation_search *conversation_search_new(GtkBox *parent, conversation_search_found found, void *userdata);

/* Shows the bar; @conversation must stay until conversation_search_close(). */
void conversation_search_open(struct conversation_search *s, struct account *a, const char *conversation);
bool conversation_search_is_open(const struct conversation_search *s);
void conversation_search_close(struct conversation_search *s);
