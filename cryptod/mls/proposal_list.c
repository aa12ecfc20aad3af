#include "cryptod/mls/proposal_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/leaf_node_validation.h"
#include "services/cleanup.h"

void proposal_list_release(struct proposal_list *l)
{
        free(l->items);
        *l = (struct proposal_list){ 0 };
}

void proposal_list_add(struct proposal_list *l, const struct proposal *p, uint32_t sender)
{
        l->items = reallocarray(l->items, l->count + 1, sizeof(*l->items));
        if (!l->items)
                abort();
        l->items[l->count++] = (struct listed_proposal){ *p, sender, NULL };
}

int proposal_list_collect(const struct suite *suite, const struct commit *c, uint32_t sender,
                          const struct proposal_store *store, struct proposal_list *out)
{
        _cleanup_(proposal_list_release) struct proposal_list l = { 0 };
        struct reader r;

        reader_init(&r, c->proposals);
        while (reader_more(&r)) {
                const struct stored_proposal *stored;
                struct proposal proposal;
                struct bytes ref;
                struct reader inner;

                if (sender == NODE_NONE && l.count == EXTERNAL_PROPOSALS_MAX)
                        return -EBADMSG;
                if (proposal_or_ref_read(&r, &proposal, &ref) == PROPOSAL_BY_VALUE) {
                        proposal_list_add(&l, &proposal, sender);
                        continue;
                }
                if (sender == NODE_NONE)
                        return -EBADMSG; /* what is said in the group nobody outside can judge (§12.4.3.2) */
                stored = proposal_store_find(store, suite, ref);
                if (!stored)
                        return -ENOENT;
                reader_init(&inner, BYTES(stored->data, stored->size));
                proposal_read(&inner, &proposal);
                proposal_list_add(&l, &proposal, stored->sender);
                l.items[l.count - 1].stored = stored;
        }
        if (reader_finish(&r) < 0)
                return -EBADMSG;
        *out = l;
        l = (struct proposal_list){ 0 };
        return 0;
}

const struct proposal *proposal_list_find(const struct proposal_list *l, enum proposal_type type)
{
        for (size_t i = 0; i < l->count; i++)
                if (l->items[i].proposal.type == type)
                        return &l->items[i].proposal;
        return NULL;
}

static size_t count_of(const struct proposal_list *l, enum proposal_type type)
{
        size_t count = 0;

        for (size_t i = 0; i < l->count; i++)
                count += l->items[i].proposal.type == type;
        return count;
}

uint32_t proposal_touched_leaf(const struct listed_proposal *p)
{
        return p->proposal.type == PROPOSAL_REMOVE   ? p->proposal.removed
               : p->proposal.type == PROPOSAL_UPDATE ? p->sender
                                                     : NODE_NONE;
}

/* What no two proposals of a list may touch; an addition has two. */
struct claim {
        enum { CLAIM_LEAF, CLAIM_SIGNATURE_KEY, CLAIM_ENCRYPTION_KEY, CLAIM_PSK, CLAIM_EXTENSIONS } kind;
        uint32_t leaf;
        struct bytes key;
};

static int compare_claims(const void *a, const void *b)
{
        const struct claim *x = a, *y = b;

        if (x->kind != y->kind)
                return x->kind < y->kind ? -1 : 1;
        if (x->leaf != y->leaf)
                return x->leaf < y->leaf ? -1 : 1;
        if (x->key.size != y->key.size)
                return x->key.size < y->key.size ? -1 : 1;
        return x->key.size > 0 ? memcmp(x->key.data, y->key.data, x->key.size) : 0;
}

static size_t claims_of(const struct listed_proposal *p, struct claim out[static 2])
{
        switch (p->proposal.type) {
        case PROPOSAL_UPDATE:
        case PROPOSAL_REMOVE:
                out[0] = (struct claim){ CLAIM_LEAF, proposal_touched_leaf(p), BYTES(NULL, 0) };
                return 1;
        case PROPOSAL_ADD:
                out[0] = (struct claim){ CLAIM_SIGNATURE_KEY, 0, p->proposal.add.leaf.signature_key };
                out[1] = (struct claim){ CLAIM_ENCRYPTION_KEY, 0, p->proposal.add.leaf.encryption_key };
                return 2;
        case PROPOSAL_PSK:
                out[0] = (struct claim){ CLAIM_PSK, 0, p->proposal.encoded };
                return 1;
        case PROPOSAL_GROUP_CONTEXT_EXTENSIONS:
                out[0] = (struct claim){ CLAIM_EXTENSIONS, 0, BYTES(NULL, 0) };
                return 1;
        default:
                return 0;
        }
}

bool proposals_collide(const struct listed_proposal *a, const struct listed_proposal *b)
{
        struct claim x[2], y[2];
        size_t n = claims_of(a, x), m = claims_of(b, y);

        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < m; j++)
                        if (compare_claims(&x[i], &y[j]) == 0)
                                return true;
        return false;
}

/* §12.2: exactly one external init, at most one removal, PSKs, and nothing else. */
static int check_external(const struct proposal_list *l)
{
        size_t inits = count_of(l, PROPOSAL_EXTERNAL_INIT), removals = count_of(l, PROPOSAL_REMOVE);

        return inits == 1 && removals <= 1 && inits + removals + count_of(l, PROPOSAL_PSK) == l->count ? 0 : -EBADMSG;
}

/* True if any two of the list collide. Each is not compared with each: an external commit may be long, and comes from
 * anybody. */
static bool any_collide(const struct proposal_list *l)
{
        _cleanup_free_ struct claim *claims = calloc(2 * l->count + 2, sizeof(*claims));
        size_t count = 0;

        if (!claims)
                abort();
        for (size_t i = 0; i < l->count; i++)
                count += claims_of(&l->items[i], &claims[count]);
        qsort(claims, count, sizeof(*claims), compare_claims);
        for (size_t i = 1; i < count; i++)
                if (compare_claims(&claims[i - 1], &claims[i]) == 0)
                        return true;
        return false;
}

int proposal_list_check(const struct proposal_list *l, uint32_t sender, bool has_path)
{
        size_t without_path = count_of(l, PROPOSAL_ADD) + count_of(l, PROPOSAL_PSK) + count_of(l, PROPOSAL_REINIT);

        if (!has_path && (l->count == 0 || without_path != l->count))
                return -EBADMSG;
        for (size_t i = 0; i < l->count; i++) {
                const struct listed_proposal *p = &l->items[i];

                if ((sender != NODE_NONE && proposal_touched_leaf(p) == sender) ||
                    (p->proposal.type == PROPOSAL_UPDATE && p->sender == NODE_NONE))
                        return -EBADMSG;
        }
        if (any_collide(l))
                return -EBADMSG;
        if (sender == NODE_NONE)
                return check_external(l);
        if (count_of(l, PROPOSAL_EXTERNAL_INIT) > 0 || (count_of(l, PROPOSAL_REINIT) > 0 && l->count > 1))
                return -EBADMSG;
        return 0;
}

void applied_proposals_release(struct applied_proposals *a)
{
        free(a->added.nodes);
        *a = (struct applied_proposals){ 0 };
}

static int apply_updates(const struct proposal_list *l, struct ratchet_tree *t)
{
        for (size_t i = 0; i < l->count; i++)
                if (l->items[i].proposal.type == PROPOSAL_UPDATE) {
                        int r = ratchet_tree_update(t, l->items[i].sender, l->items[i].proposal.update.encoded);

                        if (r < 0)
                                return r;
                }
        return 0;
}

static int apply_removals(const struct proposal_list *l, struct ratchet_tree *t)
{
        for (size_t i = 0; i < l->count; i++)
                if (l->items[i].proposal.type == PROPOSAL_REMOVE) {
                        int r = ratchet_tree_remove(t, l->items[i].proposal.removed);

                        if (r < 0)
                                return r;
                }
        return 0;
}

static int apply_additions(const struct proposal_list *l, struct ratchet_tree *t, struct node_list *added)
{
        added->nodes = calloc(l->count + 1, sizeof(*added->nodes));
        if (!added->nodes)
                abort();
        for (size_t i = 0; i < l->count; i++) {
                const struct key_package *k = &l->items[i].proposal.add;
                uint32_t leaf;
                int r;

                if (l->items[i].proposal.type != PROPOSAL_ADD)
                        continue;
                r = ratchet_tree_add(t, k->leaf.encoded, &leaf);
                if (r < 0)
                        return r;
                added->nodes[added->count++] = tree_leaf_node(leaf);
        }
        return 0;
}

/* Every leaf that an update or an addition brought. */
static int check_new_leaves(const struct proposal_list *l, const struct ratchet_tree *t, struct bytes group_id,
                            const struct applied_proposals *a)
{
        int r = 0;

        for (uint32_t i = 0; r >= 0 && i < a->added.count; i++)
                r = leaf_node_validate(t, tree_node_leaf(a->added.nodes[i]), group_id, a->extensions);
        for (size_t i = 0; r >= 0 && i < l->count; i++)
                if (l->items[i].proposal.type == PROPOSAL_UPDATE)
                        r = leaf_node_validate(t, l->items[i].sender, group_id, a->extensions);
        return r;
}

/* Each proposal by itself. An external init has been judged with the list. */
static int validate_each(const struct proposal_list *l, const struct ratchet_tree *t, struct bytes group_id)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < l->count; i++)
                if (l->items[i].proposal.type != PROPOSAL_EXTERNAL_INIT &&
                    !(l->linked && l->items[i].proposal.type == PROPOSAL_PSK))
                        r = proposal_validate(&l->items[i], t, group_id);
        return r;
}

int proposal_list_apply(const struct proposal_list *l, struct ratchet_tree *t, struct bytes group_id,
                        struct bytes extensions, struct applied_proposals *out)
{
        const struct proposal *changed = proposal_list_find(l, PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
        struct applied_proposals a = { .extensions = changed ? changed->extensions : extensions };
        int r = validate_each(l, t, group_id);

        if (r >= 0)
                r = apply_updates(l, t);
        if (r >= 0)
                r = apply_removals(l, t);
        if (r >= 0)
                r = apply_additions(l, t, &a.added);
        if (r >= 0)
                r = check_new_leaves(l, t, group_id, &a);
        if (r >= 0 && changed)
                r = group_extensions_validate(t, a.extensions);
        if (r < 0) {
                applied_proposals_release(&a);
                return r;
        }
        *out = a;
        return 0;
}
