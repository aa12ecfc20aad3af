/* Another look of the account's owner, with glasses for instance: the face as it is known, and then as it is, too. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/sheet.h"

void look_page_push(struct sheet *s, struct account *a);
