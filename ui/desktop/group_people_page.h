/* More people for a group. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/sheet.h"

/* Pushes the page. @members, NULL at the end, are in it already; they are copied. @added is called when the wish is on
 * its way, and the page is left. */
void group_people_page_push(struct sheet *s, struct account *a, const char *conversation, const char *const *members,
                            void (*added)(void *userdata), void *userdata);
