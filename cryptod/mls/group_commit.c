/* Commits of our own (RFC 9420 §12.4.1). Each carries a path, so each is also an update of our keys. */
#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/group_state.h"
#include "cryptod/mls/hpke.h"
#include "cryptod/mls/leaf_node_validation.h"
#include "cryptod/mls/private_message.h"
#include "cryptod/mls/transcript.h"
#include "services/cleanup.h"
#include "services/seal.h"

/* A commit in the making. Views in @list point into @proposals. */
struct draft {
        struct epoch *next;
        struct writer proposals; /* Proposal by Proposal */
        struct proposal_list list;
        struct applied_proposals applied;
        struct path_secrets path;
        struct writer commit, signature; /* encoded Commit, and the signature over its framing */
        struct authenticated_content content;
        struct secret *joiner_secret, *psk_secret;
        uint8_t tag[SUITE_HASH_MAX];
};

static void draft_release(struct draft *d)
{
        epoch_free(d->next);
        writer_release(&d->proposals);
        proposal_list_release(&d->list);
        applied_proposals_release(&d->applied);
        path_secrets_release(&d->path);
        writer_release(&d->commit);
        writer_release(&d->signature);
        secret_free(d->joiner_secret);
        secret_free(d->psk_secret);
}

/* Writes the proposals and reads them again, so that they go through the same checks as anybody's. */
static int list_proposals(const struct group *g, const struct group_change *change, struct draft *d)
{
        struct reader r;

        for (size_t i = 0; i < change->remove_count; i++) {
                write_u16(&d->proposals, PROPOSAL_REMOVE);
                write_u32(&d->proposals, change->remove[i]);
        }
        for (size_t i = 0; i < change->add_count; i++) {
                write_u16(&d->proposals, PROPOSAL_ADD);
                write_fixed(&d->proposals, change->add[i]);
        }
        if (writer_finish(&d->proposals) < 0)
                return -EMSGSIZE;
        reader_init(&r, writer_bytes(&d->proposals));
        while (reader_more(&r)) {
                struct proposal p;

                proposal_read(&r, &p);
                if (!r.error)
                        proposal_list_add(&d->list, &p, g->current->keys.leaf);
        }
        return reader_finish(&r) < 0 ? -EBADMSG : proposal_list_check(&d->list, g->current->keys.leaf, true);
}

/* Our leaf once more, with a new encryption key and the parent hash of the new path. */
static int renew_leaf(const struct group *g, struct draft *d, struct bytes parent_hash, struct bytes encryption_key)
{
        const struct epoch *e = g->current;
        const struct leaf_node *old = ratchet_tree_leaf(&e->tree, e->keys.leaf);
        _cleanup_writer_ struct writer leaf = WRITER_INIT, tbs = WRITER_INIT, signature = WRITER_INIT;
        int r;

        write_vector(&leaf, encryption_key);
        write_vector(&leaf, old->signature_key);
        write_u16(&leaf, old->credential.type);
        write_vector(&leaf, old->credential.content);
        write_vector(&leaf, old->capabilities.versions);
        write_vector(&leaf, old->capabilities.cipher_suites);
        write_vector(&leaf, old->capabilities.extensions);
        write_vector(&leaf, old->capabilities.proposals);
        write_vector(&leaf, old->capabilities.credentials);
        write_u8(&leaf, LEAF_NODE_COMMIT);
        write_vector(&leaf, parent_hash);
        write_vector(&leaf, old->extensions);
        write_fixed(&tbs, writer_bytes(&leaf));
        write_vector(&tbs, e->context.group_id);
        write_u32(&tbs, e->keys.leaf);
        r = writer_finish(&tbs);
        if (r >= 0)
                r = signature_key_sign_with_label(g->signature_key, "LeafNodeTBS", writer_bytes(&tbs), &signature);
        if (r < 0)
                return r;
        write_vector(&leaf, writer_bytes(&signature));
        r = writer_finish(&leaf);
        return r < 0 ? r : ratchet_tree_set_leaf(&d->next->tree, e->keys.leaf, writer_bytes(&leaf));
}

/* Refreshes our direct path and appends struct UpdatePath to the commit. */
static int make_path(const struct group *g, struct draft *d)
{
        const struct epoch *e = g->current;
        const struct suite *s = e->context.suite;
        _cleanup_(group_context_release) struct group_context provisional = { 0 };
        _cleanup_secret_ struct secret *seed = secret_random(s->hash_size);
        _cleanup_writer_ struct writer parent_hash = WRITER_INIT, key = WRITER_INIT;
        uint8_t hash[SUITE_HASH_MAX];
        int r;

        private_keys_set(&d->next->keys, tree_leaf_node(e->keys.leaf),
                         hpke_derive_key_pair(s, secret_bytes(seed), &key));
        treekem_refresh(&d->next->tree, &d->next->keys, &d->path, &parent_hash);
        r = renew_leaf(g, d, writer_bytes(&parent_hash), writer_bytes(&key));
        if (r < 0)
                return r;
        private_keys_prune(&d->next->keys, &d->next->tree);
        ratchet_tree_hash(&d->next->tree, tree_root(d->next->tree.leaves), hash);
        r = group_context_make(s, e->context.group_id, e->context.epoch + 1, BYTES(hash, s->hash_size),
                               e->context.confirmed_transcript_hash, d->applied.extensions, &provisional);
        if (r < 0)
                return r;
        write_optional(&d->commit, true);
        write_fixed(&d->commit, ratchet_tree_leaf(&d->next->tree, e->keys.leaf)->encoded);
        return treekem_encrypt(&d->next->tree, &d->path, &d->applied.added, group_context_bytes(&provisional),
                               &d->commit);
}

/* The Commit itself: all proposals by value, then the path. */
static int make_commit(const struct group *g, struct draft *d)
{
        const struct epoch *e = g->current;
        size_t mark = writer_open_vector(&d->commit);

        for (size_t i = 0; i < d->list.count; i++) {
                write_u8(&d->commit, PROPOSAL_BY_VALUE);
                write_fixed(&d->commit, d->list.items[i].proposal.encoded);
        }
        writer_close_vector(&d->commit, mark);
        ratchet_tree_copy(&e->tree, &d->next->tree);
        private_keys_copy(&e->keys, &d->next->keys);

        int r = proposal_list_apply(&d->list, &d->next->tree, e->context.group_id, e->context.extensions, &d->applied);

        return r < 0 ? r : make_path(g, d);
}

/* Signs the commit, and derives the epoch that follows. */
static int make_epoch(const struct group *g, const struct group_change *change, struct draft *d)
{
        const struct epoch *e = g->current;
        const struct suite *s = e->context.suite;
        uint8_t hash[SUITE_HASH_MAX], confirmed[SUITE_HASH_MAX];
        int r;

        d->content = (struct authenticated_content){
                .wire_format = WIRE_FORMAT_PRIVATE_MESSAGE,
                .content = { .group_id = e->context.group_id,
                             .epoch = e->context.epoch,
                             .sender_type = SENDER_MEMBER,
                             .sender = e->keys.leaf,
                             .authenticated_data = change->authenticated_data,
                             .content_type = CONTENT_COMMIT,
                             .body = writer_bytes(&d->commit) },
        };
        r = authenticated_content_sign(g->signature_key, group_context_bytes(&e->context), &d->content, &d->signature);
        if (r < 0)
                return r;
        d->content.auth.signature = writer_bytes(&d->signature);
        r = transcript_confirm(s, BYTES(e->interim_transcript_hash, s->hash_size), &d->content, confirmed);
        if (r < 0)
                return r;
        ratchet_tree_hash(&d->next->tree, tree_root(d->next->tree.leaves), hash);
        r = group_context_make(s, e->context.group_id, e->context.epoch + 1, BYTES(hash, s->hash_size),
                               BYTES(confirmed, s->hash_size), d->applied.extensions, &d->next->context);
        if (r < 0)
                return r;
        d->psk_secret = psk_secret(s, NULL, 0);
        d->joiner_secret = key_schedule_joiner(s, e->schedule.init_secret, d->path.commit_secret,
                                               group_context_bytes(&d->next->context));
        r = epoch_complete(d->next, d->joiner_secret, d->psk_secret, BYTES(NULL, 0), d->tag);
        d->content.auth.confirmation_tag = BYTES(d->tag, s->hash_size);
        return r;
}

/* The path secret of the lowest node that we share with a new member. */
static const struct secret *shared_path_secret(const struct draft *d, uint32_t own_leaf, uint32_t node)
{
        uint32_t ancestor = tree_common_ancestor(tree_leaf_node(own_leaf), node);

        for (uint32_t i = 0; i < d->path.path.count; i++)
                if (d->path.path.nodes[i] == ancestor)
                        return d->path.secrets[i];
        return NULL;
}

static int make_welcome(const struct group *g, const struct draft *d, struct writer *out)
{
        const struct suite *s = g->current->context.suite;
        uint32_t own = g->current->keys.leaf, count = d->applied.added.count, n = 0;
        _cleanup_free_ struct welcome_recipient *recipients = calloc(count + 1, sizeof(*recipients));
        _cleanup_free_ uint8_t *refs = calloc(count + 1, SUITE_HASH_MAX);
        _cleanup_writer_ struct writer tree = WRITER_INIT, extensions = WRITER_INIT, info = WRITER_INIT;
        int r;

        if (!recipients || !refs)
                abort();
        for (size_t i = 0; i < d->list.count; i++) {
                const struct proposal *p = &d->list.items[i].proposal;

                if (p->type != PROPOSAL_ADD)
                        continue;
                key_package_ref(s, &p->add, refs + n * SUITE_HASH_MAX);
                recipients[n] =
                        (struct welcome_recipient){ BYTES(refs + n * SUITE_HASH_MAX, s->hash_size), p->add.init_key,
                                                    shared_path_secret(d, own, d->applied.added.nodes[n]) };
                n++;
        }
        ratchet_tree_write(&d->next->tree, &tree);
        write_u16(&extensions, EXTENSION_RATCHET_TREE);
        write_vector(&extensions, writer_bytes(&tree));
        if (writer_finish(&tree) < 0 || writer_finish(&extensions) < 0)
                return -EMSGSIZE;
        r = group_info_write(&d->next->context, writer_bytes(&extensions), d->content.auth.confirmation_tag, own,
                             g->signature_key, &info);
        if (r < 0)
                return r;
        write_u16(out, PROTOCOL_MLS10);
        write_u16(out, WIRE_FORMAT_WELCOME);
        return welcome_write(s, d->joiner_secret, d->psk_secret, BYTES(NULL, 0), writer_bytes(&info), recipients, n,
                             out);
}

int group_commit(struct group *g, const struct group_change *change, const struct group_host *host,
                 struct writer *commit, struct writer *welcome)
{
        const struct epoch *e = g->current;
        _cleanup_(draft_release) struct draft d = { 0 };
        int r;

        if (g->pending)
                return -EBUSY;
        d.next = calloc(1, sizeof(*d.next));
        if (!d.next)
                abort();
        r = list_proposals(g, change, &d);
        if (r >= 0)
                r = make_commit(g, &d);
        if (r >= 0)
                r = make_epoch(g, change, &d);
        if (r >= 0)
                r = group_check_credentials(e, d.next, host);
        if (r >= 0 && change->add_count > 0)
                r = make_welcome(g, &d, welcome);
        if (r < 0)
                return r;
        write_u16(commit, PROTOCOL_MLS10);
        write_u16(commit, WIRE_FORMAT_PRIVATE_MESSAGE);
        r = private_message_seal(e->context.suite, e->secret_tree, e->schedule.sender_data_secret, &d.content, 0,
                                 commit);
        if (r < 0)
                return r;
        g->pending = TAKE(d.next);
        return 0;
}
