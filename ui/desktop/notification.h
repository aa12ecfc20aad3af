/* A word to the person outside of the window, where others may see it, too. */
#pragma once

/* Shows it in place of the last one about the same conversation; clicking it opens that. @conversation: its id, or ""
 * if none is meant. @title and @body may hold anything. */
void notification_show(const char *conversation, const char *title, const char *body);

/* It has been seen. */
void notification_withdraw(const char *conversation);
