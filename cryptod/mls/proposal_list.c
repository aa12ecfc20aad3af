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

static bool psk_id_equal(const struct psk_id *a, const struct psk_id *b)
{
        _cleanup_writer_ struct writer x = WRITER_INIT, y = WRITER_INIT;

        psk_id_write(&x, a);
        psk_id_write(&y, b);
        return bytes_equal(writer_bytes(&x), writer_bytes(&y));
}

uint32_t proposal_touched_leaf(const struct listed_proposal *p)
{
        return p->proposal.type == PROPOSAL_REMOVE   ? p->proposal.removed
               : p->proposal.type == PROPOSAL_UPDATE ? p->sender
                                                     : NODE_NONE;
}

bool proposals_collide(const struct listed_proposal *a, const struct listed_proposal *b)
{
        const struct leaf_node *x = &a->proposal.add.leaf, *y = &b->proposal.add.leaf;

        if (proposal_touched_leaf(a) != NODE_NONE && proposal_touched_leaf(a) == proposal_touched_leaf(b))
                return true;
        if (a->proposal.type != b->proposal.type)
                return false;
        switch (a->proposal.type) {
        case PROPOSAL_ADD:
                return bytes_equal(x->signature_key, y->signature_key) ||
                       bytes_equal(x->encryption_key, y->encryption_key);
        case PROPOSAL_PSK:
                return psk_id_equal(&a->proposal.psk, &b->proposal.psk);
        case PROPOSAL_GROUP_CONTEXT_EXTENSIONS:
                return true;
        default:
                return false;
        }
}

/* §12.2: exactly one external init, at most one removal, PSKs, and nothing else. */
static int check_external(const struct proposal_list *l)
{
        size_t inits = count_of(l, PROPOSAL_EXTERNAL_INIT), removals = count_of(l, PROPOSAL_REMOVE);

        return inits == 1 && removals <= 1 && inits + removals + count_of(l, PROPOSAL_PSK) == l->count ? 0 : -EBADMSG;
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
                for (size_t j = 0; j < i; j++)
                        if (proposals_collide(p, &l->items[j]))
                                return -EBADMSG;
        }
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
