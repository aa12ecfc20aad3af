/* Who can be meant with an @ in a group: names are offered while one is typed, and found again in what is sent. */
#pragma once

#include "ui/client/messages.h"
#include "ui/desktop/people.h"

#include <gtk/gtk.h>

struct mention_list;

/* Works @view, and lives as long as that. */
struct mention_list *mention_list_new(GtkTextView *view, const struct people *people);

/* The members of this conversation, once cryptod has said them; nobody for NULL. */
void mention_list_follow(struct mention_list *l, struct account *a, const char *conversation);

/* Whom the @s in @text mean: up to @max in @out, whose addresses live as long as the members. How many. */
size_t mention_list_find(const struct mention_list *l, const char *text, struct said_mention *out, size_t max);
