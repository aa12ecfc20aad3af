/* A new PIN or passphrase: in the place of one that opens the account, or beside it. */
#pragma once

#include <stdbool.h>

#include "ui/client/account.h"
#include "ui/desktop/sheet.h"

/* Pushes the page. @number: of the slot that is changed; 0 adds one. @new_face: with the face enrolled anew, in the
 * place of all with the one before. @changed is called when that is done, and the first page of the sheet is back. */
void new_pin_page_push(struct sheet *s, struct account *a, uint32_t number, bool new_face,
                       void (*changed)(void *userdata), void *userdata);
