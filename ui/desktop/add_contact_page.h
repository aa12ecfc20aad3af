/* Somebody becomes a contact: by an address, or by a link that says their key as well. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/sheet.h"

/* Pushes the page; @added is called when somebody has become one, and the page is left. */
void add_contact_page_push(struct sheet *s, struct account *a, void (*added)(void *userdata), void *userdata);
