#include "cryptod/mls/commit_draft.h"

#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/grease.h"
#include "cryptod/mls/hpke.h"
#include "cryptod/mls/leaf_node_validation.h"
#include "cryptod/mls/transcript.h"
#include "services/cleanup.h"
#include "services/seal.h"

void commit_draft_release(struct commit_draft *d)
{
        epoch_free(d->next);
        proposal_list_release(&d->list);
        applied_proposals_release(&d->applied);
        path_secrets_release(&d->path);
        writer_release(&d->commit);
        writer_release(&d->signature);
        secret_free(d->joiner_secret);
        secret_free(d->psk_secret);
        *d = (struct commit_draft){ 0 };
}

static void write_proposals(struct commit_draft *d)
{
        size_t mark = writer_open_vector(&d->commit);

        for (size_t i = 0; i < d->list.count; i++) {
                const struct listed_proposal *p = &d->list.items[i];

                write_u8(&d->commit, p->stored ? PROPOSAL_BY_REFERENCE : PROPOSAL_BY_VALUE);
                if (p->stored)
                        write_vector(&d->commit, BYTES(p->stored->ref, d->before->context.suite->hash_size));
                else
                        write_fixed(&d->commit, p->proposal.encoded);
        }
        writer_close_vector(&d->commit, mark);
}

/* The new leaf as it stands with an encryption key and a parent hash. */
static int write_leaf(const struct commit_draft *d, struct bytes encryption_key, struct bytes parent_hash,
                      struct writer *out)
{
        struct leaf_node leaf = d->leaf;

        leaf.encryption_key = encryption_key;
        leaf.source = LEAF_NODE_COMMIT;
        leaf.parent_hash = parent_hash;
        return leaf_node_write(&leaf, d->leaf_key, d->before->context.group_id, d->next->keys.leaf, out);
}

/* An external committer's place: the leftmost blank leaf. */
static int take_place(struct commit_draft *d, struct bytes encryption_key)
{
        _cleanup_writer_ struct writer leaf = WRITER_INIT;
        int r = write_leaf(d, encryption_key, BYTES(NULL, 0), &leaf);

        return r < 0 ? r : ratchet_tree_add(&d->next->tree, writer_bytes(&leaf), &d->next->keys.leaf);
}

/* Refreshes our direct path and appends struct UpdatePath to the commit. */
static int make_path(struct commit_draft *d)
{
        const struct group_context *c = &d->before->context;
        struct ratchet_tree *tree = &d->next->tree;
        struct private_keys *keys = &d->next->keys;
        _cleanup_(group_context_release) struct group_context provisional = { 0 };
        _cleanup_secret_ struct secret *seed = secret_random(c->suite->hash_size), *leaf_key = NULL;
        _cleanup_writer_ struct writer parent_hash = WRITER_INIT, key = WRITER_INIT, leaf = WRITER_INIT;
        uint8_t hash[SUITE_HASH_MAX];
        int r = 0;

        leaf_key = hpke_derive_key_pair(c->suite, secret_bytes(seed), &key);
        if (d->sender_type == SENDER_NEW_MEMBER_COMMIT)
                r = take_place(d, writer_bytes(&key));
        if (r < 0)
                return r;
        private_keys_set(keys, tree_leaf_node(keys->leaf), TAKE(leaf_key));
        treekem_refresh(tree, keys, &d->path, &parent_hash);
        r = write_leaf(d, writer_bytes(&key), writer_bytes(&parent_hash), &leaf);
        if (r >= 0)
                r = ratchet_tree_set_leaf(tree, keys->leaf, writer_bytes(&leaf));
        if (r >= 0)
                r = leaf_node_validate(tree, keys->leaf, c->group_id, d->applied.extensions);
        if (r < 0)
                return r;
        private_keys_prune(keys, tree);
        ratchet_tree_hash(tree, tree_root(tree->leaves), hash);
        r = group_context_make(c->suite, c->group_id, c->epoch + 1, BYTES(hash, c->suite->hash_size),
                               c->confirmed_transcript_hash, d->applied.extensions, &provisional);
        if (r < 0)
                return r;
        write_optional(&d->commit, true);
        write_fixed(&d->commit, writer_bytes(&leaf));
        return treekem_encrypt(tree, &d->path, &d->applied.added, group_context_bytes(&provisional), d->threads,
                               &d->commit);
}

/* The Commit itself: the proposals, then the path. */
static int make_commit(struct commit_draft *d)
{
        const struct group_context *c = &d->before->context;
        int r = proposal_list_check(&d->list, d->sender_type == SENDER_MEMBER ? d->before->keys.leaf : NODE_NONE,
                                    !d->without_path);

        if (r < 0)
                return r;
        write_proposals(d);
        ratchet_tree_copy(&d->before->tree, &d->next->tree);
        private_keys_copy(&d->before->keys, &d->next->keys);
        r = proposal_list_apply(&d->list, &d->next->tree, c->group_id, c->extensions, &d->applied);
        if (r >= 0)
                r = epoch_proposed_psk_secret(c->suite, &d->list, d->psks, &d->psk_secret);
        if (r < 0 || !d->without_path)
                return r < 0 ? r : make_path(d);
        private_keys_prune(&d->next->keys, &d->next->tree);
        write_optional(&d->commit, false);
        d->path.commit_secret = secret_new(c->suite->hash_size);
        return 0;
}

/* Signs the commit, and derives the epoch that follows. */
static int make_epoch(struct commit_draft *d)
{
        const struct group_context *c = &d->before->context;
        const struct suite *s = c->suite;
        uint8_t hash[SUITE_HASH_MAX], confirmed[SUITE_HASH_MAX];
        int r;

        d->content = (struct authenticated_content){
                .wire_format = d->wire_format,
                .content = { .group_id = c->group_id,
                             .epoch = c->epoch,
                             .sender_type = d->sender_type,
                             .sender = d->before->keys.leaf,
                             .authenticated_data = d->authenticated_data,
                             .content_type = CONTENT_COMMIT,
                             .body = writer_bytes(&d->commit) },
        };
        r = authenticated_content_sign(d->framing_key, group_context_bytes(c), &d->content, &d->signature);
        if (r < 0)
                return r;
        d->content.auth.signature = writer_bytes(&d->signature);
        r = transcript_confirm(s, BYTES(d->before->interim_transcript_hash, s->hash_size), &d->content, confirmed);
        if (r < 0)
                return r;
        ratchet_tree_hash(&d->next->tree, tree_root(d->next->tree.leaves), hash);
        r = group_context_make(s, c->group_id, c->epoch + 1, BYTES(hash, s->hash_size), BYTES(confirmed, s->hash_size),
                               d->applied.extensions, &d->next->context);
        if (r < 0)
                return r;
        d->joiner_secret =
                key_schedule_joiner(s, d->init_secret, d->path.commit_secret, group_context_bytes(&d->next->context));
        r = epoch_complete(d->next, d->joiner_secret, d->psk_secret, BYTES(NULL, 0), d->tag);
        d->content.auth.confirmation_tag = BYTES(d->tag, s->hash_size);
        epoch_note_reinit(d->next, &d->list);
        return r;
}

int commit_draft_make(struct commit_draft *d)
{
        int r;

        d->next = calloc(1, sizeof(*d->next));
        if (!d->next)
                abort();
        r = make_commit(d);
        return r < 0 ? r : make_epoch(d);
}

/* The path secret of the lowest node that we share with a new member. */
static const struct secret *shared_path_secret(const struct commit_draft *d, uint32_t node)
{
        uint32_t ancestor = tree_common_ancestor(tree_leaf_node(d->next->keys.leaf), node);

        for (uint32_t i = 0; i < d->path.path.count; i++)
                if (d->path.path.nodes[i] == ancestor)
                        return d->path.secrets[i];
        return NULL;
}

/* The GroupInfo of the new epoch. */
static int write_group_info(const struct commit_draft *d, bool with_tree, struct writer *out)
{
        _cleanup_writer_ struct writer tree = WRITER_INIT, extensions = WRITER_INIT;

        if (with_tree) {
                ratchet_tree_write(&d->next->tree, &tree);
                write_u16(&extensions, EXTENSION_RATCHET_TREE);
                write_vector(&extensions, writer_bytes(&tree));
        }
        grease_write_extension(&extensions);
        if (writer_finish(&tree) < 0 || writer_finish(&extensions) < 0)
                return -EMSGSIZE;
        return group_info_write(&d->next->context, writer_bytes(&extensions), d->content.auth.confirmation_tag,
                                d->next->keys.leaf, d->leaf_key, out);
}

int commit_draft_welcome(const struct commit_draft *d, bool with_tree, struct writer *out)
{
        const struct suite *s = d->before->context.suite;
        uint32_t count = d->applied.added.count, n = 0;
        _cleanup_free_ struct welcome_recipient *recipients = calloc(count + 1, sizeof(*recipients));
        _cleanup_free_ uint8_t *refs = calloc(count + 1, SUITE_HASH_MAX);
        _cleanup_writer_ struct writer info = WRITER_INIT, psks = WRITER_INIT;
        int r = write_group_info(d, with_tree, &info);

        if (!recipients || !refs)
                abort();
        for (size_t i = 0; i < d->list.count; i++) {
                const struct proposal *p = &d->list.items[i].proposal;

                if (p->type == PROPOSAL_PSK)
                        psk_id_write(&psks, &p->psk);
                if (p->type != PROPOSAL_ADD)
                        continue;
                key_package_ref(s, &p->add, refs + n * SUITE_HASH_MAX);
                recipients[n] =
                        (struct welcome_recipient){ BYTES(refs + n * SUITE_HASH_MAX, s->hash_size), p->add.init_key,
                                                    shared_path_secret(d, d->applied.added.nodes[n]) };
                n++;
        }
        if (r >= 0)
                r = writer_finish(&psks);
        if (r < 0)
                return r;
        write_u16(out, PROTOCOL_MLS10);
        write_u16(out, WIRE_FORMAT_WELCOME);
        return welcome_write(s, d->joiner_secret, d->psk_secret, writer_bytes(&psks), writer_bytes(&info), recipients,
                             n, d->threads, out);
}
