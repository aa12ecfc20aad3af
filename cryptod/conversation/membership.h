/* A membership: one MLS group that we are in, and its state on disk. A conversation with a person normally has one; if
 * two people start to write to each other at the same moment it has two, and both sides go on with the same one
 * (conversation_current()). */
#pragma once

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/outbox.h"
#include "cryptod/conversation/profile.h"
#include "cryptod/conversation/roles.h"
#include "cryptod/mls/group.h"

/* What is to become of a group and has not been accepted by the hub, or seen in a commit of somebody else's. It
 * outlives the epoch: a commit that lost its race is made anew from it. */
enum { WANTED_POLICY = 0x80 };

struct wanted {
        struct writer added;       /* a list of key packages (list.h) */
        struct writer removed;     /* a list of addresses */
        struct writer name;        /* of the group; empty: as it is */
        struct writer roles;       /* a list: struct { opaque address<V>; uint8 role; } */
        struct writer picture;     /* a list of one, or of none: as it is */
        struct writer invitations; /* changes (invitation.h) */
        uint8_t policy;            /* and WANTED_POLICY; 0: as it is */
        struct writer leavers;     /* a list of the addresses of those who have proposed in this epoch to leave */
        bool leave;                /* we want to be out */
        bool joining;              /* from outside, by a commit that the hub has not accepted yet */
        bool changed;              /* since it was stored */
};

struct membership {
        struct membership *next;
        int64_t id; /* of its row; 0: it has none yet */
        struct group *group;
        struct wanted wanted;
        uint8_t pending[ENVELOPE_ID_SIZE]; /* the envelope of our pending commit */
        uint32_t messages;                 /* that we have sent since our keys were replaced */
        uint32_t refused;                  /* commits of this epoch that broke the group's rules */
        struct {
                uint8_t pending[ENVELOPE_ID_SIZE];
                uint32_t messages, refused;
        } stored;                  /* what the row has of these */
        struct writer unreachable; /* a list of members for whom the hub took nothing, in this process's life */
        struct writer noted;       /* the roles that the history has told of, as roles.h writes them */
        uint32_t intruder;         /* 1 + a leaf that the next commit is to take out, too; 0: none */
        bool heard;                /* somebody else has spoken in it, in this process's life */
        bool gone;                 /* erased in the transaction under way, which frees it when it commits */
};

/* Whether a commit is to bring something about. */
bool wanted_any(const struct wanted *w);

/* Within a transaction: stores a new one; or what has changed since. */
int membership_add(struct vault *v, struct membership *m, struct bytes conversation);
int membership_store(struct vault *v, struct membership *m);

/* Reads one back; @m keeps its place in lists. After an error it holds no group. */
int membership_load(struct vault *v, struct membership *m);

/* Within a transaction: forgets it on disk. */
int membership_erase(struct vault *v, const struct membership *m);

/* Zeroes the keys. NULL is allowed. Returns NULL. */
struct membership *membership_free(struct membership *m);

struct bytes membership_group_id(const struct membership *m);
uint64_t membership_epoch(const struct membership *m);

/* Whether something can be said in it: not while nobody but us is in it and a commit that adds somebody has not been
 * accepted yet; and not while somebody is to be removed, who could still read it. */
bool membership_ready(const struct membership *m);

/* Under which name, of CONVERSATION_ID_SIZE bytes, the hub orders the next commit: the group's id, and after a commit
 * that broke the rules one that only the members of the epoch know, and that all who have refused it come to
 * (docs/decisions/groups-follow-what-is-valid.md). */
void membership_slot(const struct membership *m, struct writer *out);

/* The roles of its members. @profile: views into the group, until it changes. */
void membership_roles(const struct membership *m, struct profile *profile, struct roles *out);

/* Whether we may add people to it, and so invite. */
bool membership_may_invite(const struct membership *m);

/* The history has told of the roles as they are. */
void membership_note_roles(struct membership *m);

/* Whether somebody else surely is in it: they have made it, or were heard. Whom our Welcome did not reach is not. */
bool membership_is_shared(const struct membership *m);

/* The leaf of another member; NULL if there is none. */
const struct leaf_node *membership_other(const struct membership *m);

/* True if its tree has the two leaves of a conversation and no room for another: what others add costs our memory. */
bool membership_is_pair(const struct membership *m);

/* Finds the first member at leaf *leaf or behind it; *leaf is where it stands. @out: views, until the group changes. */
bool membership_member(const struct membership *m, uint32_t *leaf, struct device_credential *out);

/* What we are called in it: a view, until the group changes. */
struct bytes membership_own_address(const struct membership *m);

/* Whether ours is the first leaf of those beside @leaf: what one of the others has to do is done by it. */
bool membership_is_first_beside(const struct membership *m, uint32_t leaf);

/* Appends a list of the members' addresses, each once, in order. */
void membership_addresses(const struct membership *m, struct writer *out);
