/* Which of the proposals that were kept in an epoch a commit of our own refers to (RFC 9420 §12.2). */
#include <errno.h>

#include "cryptod/mls/group_state.h"
#include "services/cleanup.h"

int group_check_lifetimes(const struct proposal_list *list, const struct group_host *host)
{
        for (size_t i = 0; host && host->now && i < list->count; i++) {
                const struct leaf_node *leaf = &list->items[i].proposal.add.leaf;

                if (list->items[i].proposal.type == PROPOSAL_ADD &&
                    (host->now < leaf->not_before || host->now > leaf->not_after))
                        return -ESTALE;
        }
        return 0;
}

/* True if a cached proposal may join the list: not about ourselves, and in nobody's way. */
static bool fits(const struct group *g, const struct proposal_list *list, const struct listed_proposal *p)
{
        const struct epoch *e = g->current;

        if (proposal_touched_leaf(p) == e->keys.leaf || proposal_validate(p, &e->tree, e->context.group_id) < 0)
                return false;
        for (size_t i = 0; i < list->count; i++)
                if (proposals_collide(p, &list->items[i]) || list->items[i].proposal.type == PROPOSAL_REINIT)
                        return false;
        return p->proposal.type != PROPOSAL_REINIT || list->count == 0;
}

/* What the list so far makes of the group. */
struct trial {
        const struct group_host *host;
        const struct psk_source *psks;
        struct epoch after; /* its tree, and its context's extensions */
};

/* Applies what has been listed, or one proposal more, to the tree as it would be by then: 0 if it could be followed;
 * else the trial is as it was. Each leaf is looked at once, so that many proposals cost no more than they do in a
 * commit. */
static int try_list(const struct group *g, const struct proposal_list *list, struct trial *t)
{
        const struct group_context *c = &g->current->context;
        _cleanup_(ratchet_tree_release) struct ratchet_tree before = { 0 };
        _cleanup_(applied_proposals_release) struct applied_proposals applied = { 0 };
        _cleanup_secret_ struct secret *psk = NULL;
        struct epoch then = { 0 };
        int r = group_check_lifetimes(list, t->host);

        ratchet_tree_copy(&t->after.tree, &before);
        then.tree = before;
        then.context.extensions = t->after.context.extensions;
        if (r >= 0)
                r = epoch_proposed_psk_secret(c->suite, list, t->psks, &psk);
        if (r >= 0)
                r = proposal_list_apply(list, &t->after.tree, c->group_id, then.context.extensions, &applied);
        if (r >= 0) {
                t->after.context.extensions = applied.extensions;
                r = group_check_credentials(&then, &t->after, NODE_NONE, NODE_NONE, t->host);
        }
        if (r >= 0)
                return 0;
        t->after.context.extensions = then.context.extensions;
        ratchet_tree_release(&t->after.tree);
        t->after.tree = before;
        before = (struct ratchet_tree){ 0 };
        return r;
}

static void list_if_fits(const struct group *g, const struct stored_proposal *stored, struct trial *t,
                         struct proposal_list *list)
{
        struct listed_proposal p = { .sender = stored->sender, .stored = stored };
        struct proposal_list alone = { &p, 1, false };
        struct reader r;
        int error;

        reader_init(&r, BYTES(stored->data, stored->size));
        proposal_read(&r, &p.proposal);
        if (!fits(g, list, &p))
                return;
        error = t ? try_list(g, &alone, t) : 0;
        if (error < 0) {
                if (t->host && t->host->left_out)
                        t->host->left_out(t->host->userdata, &p.proposal, p.sender, error);
                return;
        }
        proposal_list_add(list, &p.proposal, p.sender);
        list->items[list->count - 1].stored = stored;
}

/* Removals first, then what came last before what it replaces, a ReInit only if there is nothing else (§12.2). */
static void list_all(const struct group *g, struct trial *t, struct proposal_list *list)
{
        const struct proposal_store *s = &g->proposals;

        for (unsigned pass = 0; pass < 3; pass++)
                for (size_t i = s->count; i-- > 0;) {
                        const uint8_t type = s->items[i].data[1];

                        if (pass == (type == PROPOSAL_REMOVE ? 0 : type == PROPOSAL_REINIT ? 2 : 1))
                                list_if_fits(g, &s->items[i], t, list);
                }
}

int group_select_proposals(const struct group *g, const struct group_host *host, const struct psk_source *psks,
                           struct proposal_list *list)
{
        struct trial t = { .host = host, .psks = psks };
        int r = 0;

        if (!psks) {
                list_all(g, NULL, list);
                return 0;
        }
        ratchet_tree_copy(&g->current->tree, &t.after.tree);
        t.after.context.extensions = g->current->context.extensions;
        r = try_list(g, list, &t);
        if (r >= 0)
                list_all(g, &t, list);
        ratchet_tree_release(&t.after.tree);
        return r;
}
