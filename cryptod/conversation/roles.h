/* Who is what in a group: owner, admin, or a member without a role. An account is known by its root key, so that nobody
 * comes into a role by taking an address.
 *
 *     struct { opaque root_key<V>; uint8 role; } Role;     1: admin, 2: owner; in the order in which they were given
 *
 * A group always has an owner: if none of those who are listed is a member any more, the first of the listed admins is
 * it, else the first member in the order of the tree, which is filled from the left: the one who has been in it for
 * longest, as long as nobody has taken the place of somebody who left. Nobody has to write that down for it to be so.
 */
#pragma once

#include "cryptod/mls/ratchet_tree.h"

enum role { ROLE_MEMBER, ROLE_ADMIN, ROLE_OWNER };

enum { ROLES_MAX = 64 /* of a group */ };

/* member, admin, owner; and back: -EINVAL. */
const char *role_name(enum role r);
int role_parse(const char *name, enum role *out);

/* A list of roles by itself: well-formed, at most ROLES_MAX, nobody twice. -EBADMSG, -E2BIG */
int roles_check(struct bytes roles);

/* Which members of a tree count; others are as good as gone. NULL: all. */
typedef bool (*roles_counts)(const void *userdata, uint32_t leaf);

struct roles {
        struct bytes list;      /* of those that were checked; a view */
        struct bytes successor; /* the root key of the owner who is not listed as one; empty: one is; a view */
};

/* Roles of those members of @t who count. */
void roles_resolve(struct bytes list, const struct ratchet_tree *t, roles_counts counts, const void *userdata,
                   struct roles *out);

enum role roles_of(const struct roles *r, struct bytes root_key);

/* Appends the list with the owner in it, without those of whom no leaf of @t counts, and with @root_key (may be empty)
 * as @role. */
void roles_write(const struct roles *r, const struct ratchet_tree *t, roles_counts counts, const void *userdata,
                 struct bytes root_key, enum role role, struct writer *out);
