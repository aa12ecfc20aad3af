/* Groups that continue another one or branch off from it (RFC 9420 §11.2, §11.3). */
#include <errno.h>

#include "cryptod/mls/group_state.h"
#include "services/cleanup.h"

bool group_reinit(const struct group *g, struct proposal *out)
{
        struct reader r;

        if (g->current->reinit.size == 0)
                return false;
        reader_init(&r, g->current->reinit);
        proposal_read(&r, out);
        return true;
}

/* True if each member of @some has its like in @all. */
static bool is_subset(const struct ratchet_tree *some, const struct ratchet_tree *all, const struct group_host *host)
{
        for (uint32_t i = 0; i < some->leaves; i++) {
                const struct leaf_node *leaf = ratchet_tree_leaf(some, i);
                bool found = !leaf;

                for (uint32_t j = 0; j < all->leaves && !found; j++)
                        found = ratchet_tree_leaf(all, j) && group_same_client(host, leaf, ratchet_tree_leaf(all, j));
                if (!found)
                        return false;
        }
        return true;
}

/* True if @e is what the ReInit that ended @old asked for. */
static bool is_continuation(const struct epoch *e, const struct group_psks *psks)
{
        struct proposal p;

        return group_reinit(psks->linked, &p) && psks->epoch == psks->linked->current->context.epoch &&
               p.reinit.version == PROTOCOL_MLS10 && p.reinit.cipher_suite == e->context.suite->id &&
               bytes_equal(p.reinit.group_id, e->context.group_id) &&
               bytes_equal(p.reinit.extensions, e->context.extensions) &&
               is_subset(&psks->linked->current->tree, &e->tree, psks->host);
}

int group_check_link(const struct epoch *e, const struct group_psks *psks)
{
        if (!psks->linked)
                return 0;
        if (e->context.epoch != 1)
                return -EBADMSG;
        if (psks->usage == RESUMPTION_REINIT)
                return is_continuation(e, psks) ? 0 : -EBADMSG;
        return e->context.suite == psks->linked->current->context.suite &&
                               is_subset(&e->tree, &psks->linked->current->tree, psks->host)
                       ? 0
                       : -EBADMSG;
}

/* Invites all into the new group @g by its first commit. */
static int invite(struct group *g, const struct group *old, enum resumption_psk_usage usage,
                  const struct group_change *change, const struct group_host *host, struct writer *welcome)
{
        const struct psk_id psk = { .type = PSK_RESUMPTION,
                                    .usage = usage,
                                    .group_id = old->current->context.group_id,
                                    .epoch = old->current->context.epoch };
        struct group_change first = { .add = change->add,
                                      .add_count = change->add_count,
                                      .psks = &psk,
                                      .psk_count = 1,
                                      .welcome_without_tree = change->welcome_without_tree };
        struct group_psks link = { .host = host, .linked = old, .usage = usage, .epoch = psk.epoch };
        _cleanup_writer_ struct writer values = WRITER_INIT;
        _cleanup_(commit_draft_release) struct commit_draft d = { 0 };
        int r = group_draft_commit(g, &first, host, old, &values, &d);

        if (r >= 0 && group_check_link(d.next, &link) < 0)
                r = -EINVAL;
        if (r >= 0)
                r = commit_draft_welcome(&d, !change->welcome_without_tree, welcome);
        if (r < 0)
                return r;
        group_advance(g, TAKE(d.next));
        return 0;
}

static int start(const struct group *old, enum resumption_psk_usage usage, const struct suite *s, struct bytes group_id,
                 struct bytes extensions, struct bytes leaf_node, struct secret *leaf_key, struct secret *signature_key,
                 const struct group_change *change, const struct group_host *host, struct writer *welcome,
                 struct group **out)
{
        _cleanup_group_ struct group *g = NULL;
        int r = group_create(s, group_id, leaf_node, leaf_key, signature_key, extensions, &g);

        if (r >= 0)
                r = invite(g, old, usage, change, host, welcome);
        if (r < 0)
                return r;
        *out = TAKE(g);
        return 0;
}

int group_continue(const struct group *old, struct bytes leaf_node, struct secret *leaf_key,
                   struct secret *signature_key, const struct group_change *change, const struct group_host *host,
                   struct writer *welcome, struct group **out)
{
        struct proposal p = { 0 };
        const struct suite *s = group_reinit(old, &p) ? suite_by_id(p.reinit.cipher_suite) : NULL;

        if (!s || p.reinit.version != PROTOCOL_MLS10) {
                secret_free(leaf_key);
                secret_free(signature_key);
                return p.encoded.size > 0 ? -EPROTONOSUPPORT : -EINVAL;
        }
        return start(old, RESUMPTION_REINIT, s, p.reinit.group_id, p.reinit.extensions, leaf_node, leaf_key,
                     signature_key, change, host, welcome, out);
}

int group_branch(const struct group *old, struct bytes group_id, struct bytes leaf_node, struct secret *leaf_key,
                 struct secret *signature_key, const struct group_change *change, const struct group_host *host,
                 struct writer *welcome, struct group **out)
{
        return start(old, RESUMPTION_BRANCH, old->current->context.suite, group_id, old->current->context.extensions,
                     leaf_node, leaf_key, signature_key, change, host, welcome, out);
}
