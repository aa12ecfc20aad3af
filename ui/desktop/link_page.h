/* One's own contact link, as a text and as a code. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/sheet.h"

void link_page_push(struct sheet *s, struct account *a);
