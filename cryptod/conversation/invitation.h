/* An invitation into a group, by a link: whoever has it may join by an external commit (RFC 9420 §12.4.3.2), as long as
 * it stands in the group's profile (profile.h) and so in the MLS state of all members.
 *
 *     struct {
 *         opaque id[16];
 *         opaque key<V>;       a public signature key of the group's suite; the private one is in the link alone
 *         uint64 expires;      seconds since 1970
 *         uint32 uses;         how many may still come by it; 0: any number
 *         opaque author[32];   content_author() of the member who has made it
 *     } Invitation;
 *
 * Whoever has the link proves it with a signature that is good for one account, and one epoch of one group:
 *
 *     struct { opaque id[16]; opaque signature<V>; } InvitationProof;     the authenticated_data of the external commit
 *     signature = SignWithLabel(private key, "Visavis invitation", InvitationTBS)
 *     struct { opaque author[32]; opaque group_id<V>; uint64 epoch; } InvitationTBS;
 *
 * and to the member who is asked for the GroupInfo with one over an empty group_id and epoch 0, by which nobody can
 * join. docs/decisions/groups-are-joined-by-link.md */
#pragma once

#include "cryptod/conversation/content.h"
#include "cryptod/mls/suite.h"

enum {
        INVITATION_ID_SIZE = 16,
        INVITATIONS_MAX = 16 /* of a group */,
        INVITATION_KEY_MAX = 192,
        INVITATION_DAYS_MAX = 366
};

struct invitation {
        struct bytes id, key;
        uint64_t expires;
        uint32_t uses;
        struct bytes author;
};

/* One of a list; views. */
void invitation_read(struct reader *r, struct invitation *out);
void invitation_write(const struct invitation *i, struct writer *w);

bool invitation_equal(const struct invitation *a, const struct invitation *b);

/* A list by itself: well-formed, at most INVITATIONS_MAX, no id twice. -EBADMSG, -E2BIG */
int invitations_check(struct bytes list);

/* The one with that id. */
bool invitations_find(struct bytes list, struct bytes id, struct invitation *out);

/* What is to become of a group's invitations: struct { uint8 what; Invitation; } Change;  */
enum invitation_change {
        INVITATION_ADD = 1,
        INVITATION_REVOKE = 2, /* only the id counts */
        INVITATION_SET = 3,    /* if it is there */
};

/* Enters a change into a list of changes, in place of another of the same invitation. */
void invitations_change(struct writer *changes, enum invitation_change what, const struct invitation *i);

/* Appends @list with the changes made, and without those that have expired at @now (seconds since 1970; 0: none). */
void invitations_apply(struct bytes list, struct bytes changes, uint64_t now, struct writer *out);

/* Drops the changes that @list shows, and those that cannot be made any more. */
void invitations_settle(struct bytes list, uint64_t now, struct writer *changes);

/* An account's proof that it has the link. */
struct invitation_claim {
        struct bytes author, group_id;
        uint64_t epoch;
};

/* Appends an InvitationProof; checks one against a list: -EPERM if it is none of the list's, or does not hold. */
int invitation_prove(const struct suite *s, struct bytes id, const struct secret *key,
                     const struct invitation_claim *claim, struct writer *out);
int invitation_verify(const struct suite *s, struct bytes list, struct bytes proof,
                      const struct invitation_claim *claim, struct invitation *out);
