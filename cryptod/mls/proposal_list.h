/* The proposals of one commit: collected by value and by reference, checked together, applied to a tree (RFC 9420
 * §12.2, §12.3). */
#pragma once

#include "cryptod/mls/proposal_store.h"
#include "cryptod/mls/ratchet_tree.h"

struct listed_proposal {
        struct proposal proposal; /* views */
        uint32_t sender;          /* leaf index of the member who proposed it; NODE_NONE: somebody outside */
        const struct stored_proposal *stored; /* by reference; NULL: by value */
};

struct proposal_list {
        struct listed_proposal *items; /* owned */
        size_t count;
        bool linked; /* the first commit of a group that continues or branches another: its PSK may say so (§11.2,
                        §11.3) */
};

void proposal_list_release(struct proposal_list *l);

/* Appends one. */
void proposal_list_add(struct proposal_list *l, const struct proposal *p, uint32_t sender);

/* What an external commit may have: its init, a removal, and PSKs, of which the RFC sets no number. */
enum { EXTERNAL_PROPOSALS_MAX = 1024 };

/* Reads @c's proposals in their order. @sender: the committer, NODE_NONE for an external one, which may not refer to
 * any, nor have more than EXTERNAL_PROPOSALS_MAX. -ENOENT if a reference is not in @store, -EBADMSG. */
int proposal_list_collect(const struct suite *suite, const struct commit *c, uint32_t sender,
                          const struct proposal_store *store, struct proposal_list *out);

/* The rules for one proposal by itself, in a group whose tree is @t and whose group id is @group_id (§12.1.1 to
 * §12.1.7). -EBADMSG, -EPROTONOSUPPORT */
int proposal_validate(const struct listed_proposal *p, const struct ratchet_tree *t, struct bytes group_id);

/* True if two proposals may not stand in one list: they touch the same leaf, add the same client, name the same PSK, or
 * both replace the extensions. */
bool proposals_collide(const struct listed_proposal *a, const struct listed_proposal *b);

/* The rules for the list as a whole: a member's commit, or (@sender NODE_NONE) an external one. -EBADMSG */
int proposal_list_check(const struct proposal_list *l, uint32_t sender, bool has_path);

/* What became of a tree to which a list was applied. */
struct applied_proposals {
        struct node_list added;  /* nodes of the new leaves, in the order of their proposals */
        struct bytes extensions; /* of the group context: the proposed ones, or those that were given */
};

void applied_proposals_release(struct applied_proposals *a);

/* Applies the list to @t, whose group context has @group_id and @extensions, and checks every leaf that is new. @t is
 * spoilt by an error: -EBADMSG, -ENOENT (a member who is not there), -EPROTONOSUPPORT, -E2BIG. */
int proposal_list_apply(const struct proposal_list *l, struct ratchet_tree *t, struct bytes group_id,
                        struct bytes extensions, struct applied_proposals *out);

/* The first proposal of a type, or NULL. */
const struct proposal *proposal_list_find(const struct proposal_list *l, enum proposal_type type);

/* The leaf that an update or a removal is about; NODE_NONE for other proposals. */
uint32_t proposal_touched_leaf(const struct listed_proposal *p);
