/* A group of any size, of which two members and one who is about to join can act. It is put together from its parts: to
 * bring ten thousand members in by commits would take each of them through all of the others'. */
#pragma once

#include "cryptod/mls/group.h"
#include "cryptod/mls/identity.h"

struct crowd {
        struct group *committer, *follower; /* the first leaf and the last */
        struct secret *newcomer_signature_key;
        struct writer newcomer_package;
        struct key_package_keys newcomer_keys;
        size_t leaf_size; /* of an encoded leaf node */
};

/* @filled: every parent node has a key, as after commits of all members; else the tree has leaves only. */
void crowd_make(const struct suite *s, uint32_t members, bool filled, struct crowd *out);
void crowd_release(struct crowd *c);
