/* What a commit may do in a group, by the roles and the policy that its MLS state has (roles.h, profile.h):
 *
 *                                       owner     admin             member
 *     add; invitations                  yes       yes               if the policy says so
 *     remove                            anybody   who has no role   nobody; whoever wants to leave is taken out by any
 *     name and picture                  yes       yes               if the policy says so
 *     policy                            yes       yes               no
 *     roles                             any       lay down theirs   no
 *
 * An account may add and remove devices of its own, and come back from outside, unless that made it the owner. Whoever
 * proves to have one of the group's invitations (invitation.h) may come in, unless somebody of that address is in it.
 * An invitation is entered, and changed, by the member alone who has made it; any who may invite take it back. Who
 * takes somebody out who has not asked for it takes back all invitations, by which they could come back. Everything
 * that the decision needs is in the group's state and in the commit, so all members refuse the same commits, those too
 * whom they would remove; what is in anybody's own list of contacts does not count.
 * docs/decisions/groups-follow-what-is-valid.md says what comes after a refusal. */
#pragma once

#include "cryptod/mls/epoch.h"

enum { GROUP_MEMBERS_MAX = 1000 };

/* 0, or -EPERM. A conversation of two, and a room, have no such rules. */
int rules_judge(const struct commit_view *commit);
