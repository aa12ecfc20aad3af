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
        l->items[l->count++] = (struct listed_proposal){ *p, sender };
}

void proposal_store_release(struct proposal_store *s)
{
        for (size_t i = 0; i < s->count; i++)
                free(s->items[i].data);
        free(s->items);
        *s = (struct proposal_store){ 0 };
}

static const struct stored_proposal *store_find(const struct proposal_store *s, struct bytes ref)
{
        for (size_t i = 0; i < s->count; i++)
                if (bytes_equal(BYTES(s->items[i].ref, ref.size), ref))
                        return &s->items[i];
        return NULL;
}

int proposal_store_add(struct proposal_store *s, const struct suite *suite, const struct authenticated_content *a)
{
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        struct stored_proposal next = { .sender = NODE_NONE };

        if (a->content.content_type != CONTENT_PROPOSAL)
                return -EBADMSG;
        authenticated_content_write(&encoded, a);
        if (writer_finish(&encoded) < 0)
                return -EBADMSG;
        suite_ref_hash(suite, "MLS 1.0 Proposal Reference", writer_bytes(&encoded), next.ref);
        if (store_find(s, BYTES(next.ref, suite->hash_size)))
                return 0;
        if (s->count >= PROPOSAL_STORE_MAX)
                return -E2BIG;
        if (a->content.sender_type == SENDER_MEMBER)
                next.sender = a->content.sender;
        next.size = a->content.body.size;
        next.data = malloc(next.size);
        s->items = reallocarray(s->items, s->count + 1, sizeof(*s->items));
        if (!next.data || !s->items)
                abort();
        memcpy(next.data, a->content.body.data, next.size);
        s->items[s->count++] = next;
        return 0;
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
                stored = ref.size == suite->hash_size ? store_find(store, ref) : NULL;
                if (!stored)
                        return -ENOENT;
                reader_init(&inner, BYTES(stored->data, stored->size));
                proposal_read(&inner, &proposal);
                proposal_list_add(&l, &proposal, stored->sender);
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

static bool collide(const struct listed_proposal *a, const struct listed_proposal *b)
{
        if (proposal_touched_leaf(a) != NODE_NONE && proposal_touched_leaf(a) == proposal_touched_leaf(b))
                return true;
        return a->proposal.type == PROPOSAL_PSK && b->proposal.type == PROPOSAL_PSK &&
               psk_id_equal(&a->proposal.psk, &b->proposal.psk);
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
                        if (collide(p, &l->items[j]))
                                return -EBADMSG;
        }
        if (sender == NODE_NONE)
                return check_external(l);
        if (count_of(l, PROPOSAL_EXTERNAL_INIT) > 0 || count_of(l, PROPOSAL_GROUP_CONTEXT_EXTENSIONS) > 1 ||
            (count_of(l, PROPOSAL_REINIT) > 0 && l->count > 1))
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
        for (size_t i = 0; i < l->count; i++) {
                const struct listed_proposal *p = &l->items[i];
                const struct leaf_node *before;
                int r;

                if (p->proposal.type != PROPOSAL_UPDATE)
                        continue;
                before = ratchet_tree_leaf(t, p->sender);
                if (!before || p->proposal.update.source != LEAF_NODE_UPDATE ||
                    bytes_equal(before->encryption_key, p->proposal.update.encryption_key))
                        return -EBADMSG;
                r = ratchet_tree_update(t, p->sender, p->proposal.update.encoded);
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
                if (k->cipher_suite != t->suite->id)
                        return -EPROTONOSUPPORT;
                /* A lifetime that ended while the commit was under way is the committer's business (§7.3). */
                r = key_package_check(k, k->leaf.not_before);
                if (r >= 0)
                        r = ratchet_tree_add(t, k->leaf.encoded, &leaf);
                if (r < 0)
                        return r == -ESTALE ? -EBADMSG : r;
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

int proposal_list_apply(const struct proposal_list *l, struct ratchet_tree *t, struct bytes group_id,
                        struct bytes extensions, struct applied_proposals *out)
{
        const struct proposal *changed = proposal_list_find(l, PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
        struct applied_proposals a = { .extensions = changed ? changed->extensions : extensions };
        int r = apply_updates(l, t);

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
