/* What somebody in a group may do there. */
#include "ui/desktop/group_rights.h"

#include <string.h>

struct group_rights group_rights_of(const char *role, bool members_add, bool members_edit)
{
        bool owner = strcmp(role, "owner") == 0, admin = strcmp(role, "admin") == 0, in = *role != '\0';

        return (struct group_rights){
                .add = owner || admin || (in && members_add),
                .edit = owner || admin || (in && members_edit),
                .policy = owner || admin,
                .roles = owner,
                .remove_any = owner,
                .remove_members = admin,
        };
}

bool group_rights_remove(const struct group_rights *r, const char *whose)
{
        return r->remove_any || (r->remove_members && strcmp(whose, "member") == 0);
}
