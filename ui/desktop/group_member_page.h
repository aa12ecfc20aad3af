/* One member of a group: their role there, and the way out. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/group_rights.h"
#include "ui/desktop/sheet.h"

struct group_member {
        const char *conversation, *address, *role;
        bool own; /* the account itself */
};

/* Pushes the page; what @member has is copied. @rights: the account's own. @changed is called when something is on its
 * way, and the page is left. */
void group_member_page_push(struct sheet *s, struct account *a, const struct group_member *member,
                            const struct group_rights *rights, void (*changed)(void *userdata), void *userdata);
