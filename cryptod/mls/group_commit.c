/* Commits of our own (RFC 9420 §12.4.1). */
#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/commit_draft.h"
#include "cryptod/mls/group_state.h"
#include "services/cleanup.h"
#include "services/seal.h"

/* Writes what is proposed by value; PSKs get their nonces now. */
static void write_values(const struct group *g, const struct group_change *change, struct writer *w)
{
        for (size_t i = 0; i < change->remove_count; i++)
                proposal_write_remove(w, change->remove[i]);
        for (size_t i = 0; i < change->add_count; i++)
                proposal_write_add(w, change->add[i]);
        for (size_t i = 0; i < change->psk_count; i++)
                group_write_psk(g->current->context.suite, &change->psks[i], w);
        for (size_t i = 0; i < change->proposal_count; i++)
                write_fixed(w, change->proposals[i]);
}

/* Reads them again, so that they go through the same checks as anybody's. */
static int list_values(const struct group *g, const struct writer *values, struct proposal_list *list)
{
        struct reader r;

        if (writer_finish(values) < 0)
                return -EMSGSIZE;
        reader_init(&r, writer_bytes(values));
        while (reader_more(&r)) {
                struct proposal p;

                proposal_read(&r, &p);
                if (!r.error)
                        proposal_list_add(list, &p, g->current->keys.leaf);
        }
        return reader_finish(&r);
}

/* Our leaf: as it is, or with another identity or other extensions. */
static struct leaf_node next_leaf(const struct group *g, const struct group_change *change)
{
        const struct identity *identity = change->identity;
        struct leaf_node leaf = *ratchet_tree_leaf(&g->current->tree, g->current->keys.leaf);

        if (identity) {
                leaf.signature_key = identity->signature_key;
                leaf.credential = identity->credential;
        }
        if (change->leaf_extensions)
                leaf.extensions = *change->leaf_extensions;
        return leaf;
}

static int draft(struct group *g, const struct group_change *change, const struct group_host *host,
                 const struct group *linked, bool sift, struct writer *values, struct commit_draft *d)
{
        struct group_psks psks = { .group = linked ? linked : g, .host = host, .linking = linked != NULL };
        const struct psk_source source = { group_find_psk, &psks };
        _cleanup_signature_key_ struct signature_key *key = NULL;
        int r;

        write_values(g, change, values);
        d->before = g->current;
        d->init_secret = g->current->schedule.init_secret;
        d->framing_key = g->signature_key;
        d->leaf_key = g->signature_key;
        d->leaf = next_leaf(g, change);
        d->sender_type = SENDER_MEMBER;
        d->wire_format = change->framing.public ? WIRE_FORMAT_PUBLIC_MESSAGE : WIRE_FORMAT_PRIVATE_MESSAGE;
        d->authenticated_data = change->authenticated_data;
        d->without_path = change->without_path;
        d->threads = host ? host->threads : 1;
        d->psks = &source;
        d->list.linked = linked != NULL;
        r = list_values(g, values, &d->list);
        if (r >= 0 && change->identity) {
                r = signature_key_new(g->current->context.suite, change->identity->signature_private_key, &key);
                d->leaf_key = key;
        }
        if (r >= 0 && change->cached)
                r = group_select_proposals(g, host, sift ? &source : NULL, &d->list);
        if (r >= 0)
                r = group_check_lifetimes(&d->list, host);
        if (r >= 0 && host && host->commit)
                r = host->commit(host->userdata, &(struct commit_view){ g->current, &d->list, g->current->keys.leaf,
                                                                        &d->leaf, d->authenticated_data });
        if (r >= 0)
                r = commit_draft_make(d);
        d->psks = NULL;
        if (r >= 0)
                r = group_check_credentials(g->current, d->next, NODE_NONE, NODE_NONE, host);
        if (r >= 0 && change->identity)
                d->next->signature_key = TAKE(key);
        return r;
}

int group_draft_commit(struct group *g, const struct group_change *change, const struct group_host *host,
                       const struct group *linked, struct writer *values, struct commit_draft *d)
{
        int r = draft(g, change, host, linked, false, values, d);

        /* Whoever proposed what nobody can follow must not stop all commits of the epoch by it. */
        if (r < 0 && change->cached && g->proposals.count > 0) {
                commit_draft_release(d);
                writer_release(values);
                r = draft(g, change, host, linked, true, values, d);
        }
        return r;
}

int group_commit(struct group *g, const struct group_change *change, const struct group_host *host,
                 struct writer *commit, struct writer *welcome)
{
        _cleanup_writer_ struct writer values = WRITER_INIT, invitation = WRITER_INIT;
        _cleanup_(commit_draft_release) struct commit_draft d = { 0 };
        int r = group_writable(g);

        if (r >= 0 && g->pending)
                r = -EBUSY;
        if (r >= 0 && change->without_path && (change->identity || change->leaf_extensions))
                r = -EINVAL;
        if (r >= 0)
                r = group_draft_commit(g, change, host, NULL, &values, &d);
        if (r >= 0 && d.applied.added.count > 0)
                r = commit_draft_welcome(&d, !change->welcome_without_tree, &invitation);
        if (r >= 0)
                r = group_frame(g, &d.content, change->framing.pad_to, commit);
        if (r < 0)
                return r;
        write_fixed(welcome, writer_bytes(&invitation));
        g->pending = TAKE(d.next);
        return writer_finish(welcome);
}
