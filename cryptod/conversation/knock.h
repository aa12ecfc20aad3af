/* What is asked of a member, in the conversation with them: a way into a group; and what they answer. Both are bodies
 * of contents (content.h) that stand in no history.
 *
 *     struct { uint8 why; opaque id[16]; opaque proof<V>; } Knock;
 *         why   1: to come in by an invitation, whose id it is, with an InvitationProof (invitation.h)
 *               2: to come back into a group, whose id it is; the proof is empty
 *     struct { opaque id[16]; opaque slot<V>; opaque group_info<V>; } Opening;
 *         slot         under which name the hub orders the next commit (membership_slot())
 *         group_info   an MLSMessage with the ratchet tree in it (RFC 9420 §12.4.3.2); both are empty: no */
#pragma once

#include "services/bytes.h"

enum { KNOCK_ID_SIZE = 16 };

enum knock_reason { KNOCK_INVITED = 1, KNOCK_RETURNS = 2 };

struct knock {
        enum knock_reason why;
        struct bytes id, proof;
};

struct opening {
        struct bytes id, slot, group_info;
};

void knock_write(const struct knock *k, struct writer *w);
void opening_write(const struct opening *o, struct writer *w);

/* As views. -EBADMSG */
int knock_read(struct bytes body, struct knock *out);
int opening_read(struct bytes body, struct opening *out);
