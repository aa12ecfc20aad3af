/* What somebody in a group may do there, so that no window offers what would be refused (docs/dbus/crypto1.md, Groups).
 * cryptod decides. */
#pragma once

#include <stdbool.h>

struct group_rights {
        bool add, edit; /* people; name and picture */
        bool policy;    /* who else may do that */
        bool roles;     /* give them, and take them */
        bool remove_any, remove_members;
};

/* Of a member with this role ("owner", "admin", "member"; "" is no member any more), where the policy is this. */
struct group_rights group_rights_of(const char *role, bool members_add, bool members_edit);

/* Whether somebody with the role @whose can be removed. */
bool group_rights_remove(const struct group_rights *r, const char *whose);
