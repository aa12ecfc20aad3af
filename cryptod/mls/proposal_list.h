/* The proposals of one commit: collected by value and by reference, checked together, applied to a tree (RFC 9420
 * §12.2, §12.3). */
#pragma once

#include "cryptod/mls/framing.h"
#include "cryptod/mls/ratchet_tree.h"

struct listed_proposal {
        struct proposal proposal; /* views */
        uint32_t sender;          /* leaf index of the member who proposed it; NODE_NONE: somebody outside */
};

struct proposal_list {
        struct listed_proposal *items; /* owned */
        size_t count;
};

void proposal_list_release(struct proposal_list *l);

/* Appends one. */
void proposal_list_add(struct proposal_list *l, const struct proposal *p, uint32_t sender);

/* Proposals that came as messages of their own in this epoch, to be referred to by commits. */
struct proposal_store {
        struct stored_proposal {
                uint8_t ref[SUITE_HASH_MAX];
                uint32_t sender;
                uint8_t *data; /* the encoded Proposal, owned */
                size_t size;
        } * items;
        size_t count;
};

enum { PROPOSAL_STORE_MAX = 4096 };

void proposal_store_release(struct proposal_store *s);

/* Keeps the proposal in @a under its reference; the same one twice is kept once. -EBADMSG if there is none in it,
 * -E2BIG if the epoch has too many. */
int proposal_store_add(struct proposal_store *s, const struct suite *suite, const struct authenticated_content *a);

/* Reads @c's proposals in their order. @sender: the committer, NODE_NONE for an external one. -ENOENT if a reference is
 * not in @store, -EBADMSG. */
int proposal_list_collect(const struct suite *suite, const struct commit *c, uint32_t sender,
                          const struct proposal_store *store, struct proposal_list *out);

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
