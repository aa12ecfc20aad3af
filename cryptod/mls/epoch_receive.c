/* The receiving side of a commit (RFC 9420 §12.4.2). */
#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/epoch.h"
#include "cryptod/mls/hpke.h"
#include "cryptod/mls/leaf_node_validation.h"
#include "cryptod/mls/transcript.h"
#include "services/cleanup.h"

/* The init secret that an external committer made with our epoch's external key pair (§8.3). */
static int external_init(const struct epoch *e, const struct proposal_list *l, struct secret **out)
{
        const struct suite *s = e->context.suite;
        _cleanup_writer_ struct writer public_key = WRITER_INIT;
        _cleanup_secret_ struct secret *private_key = key_schedule_external_key_pair(s, &e->schedule, &public_key);

        return hpke_receive_export(s, private_key, writer_bytes(&public_key),
                                   proposal_list_find(l, PROPOSAL_EXTERNAL_INIT)->kem_output, BYTES(NULL, 0),
                                   BYTES_STRING("MLS 1.0 external init secret"), s->hash_size, out);
}

/* True if a key of the path, its leaf's among them, stands in the tree that it has not been merged into yet (§12.4.2),
 * or twice in the path: nobody could join the tree that has it (§12.4.3.1). @sender: an external committer's leaf is
 * there already. */
static bool path_is_old(const struct ratchet_tree *t, const struct update_path *path, uint32_t sender, bool external)
{
        struct bytes keys[TREE_DEPTH_MAX + 1] = { path->leaf.encryption_key }, secrets;
        bool marked[UINT8_MAX + 1] = { false };
        uint32_t count = 1;
        struct reader r;

        reader_init(&r, path->nodes);
        while (reader_more(&r) && count < COUNT_OF(keys))
                update_path_node_read(&r, &keys[count++], &secrets);
        for (uint32_t k = 0; k < count; k++) {
                for (uint32_t j = 0; j < k && marked[key_mark(keys[k]) & UINT8_MAX]; j++)
                        if (bytes_equal(keys[j], keys[k]))
                                return true;
                marked[key_mark(keys[k]) & UINT8_MAX] = true;
        }
        for (uint32_t i = 0; i < t->nodes.width; i++) {
                const struct node_summary *s = node_array_summary(&t->nodes, i);

                if (!s->present || !marked[s->encryption_key & UINT8_MAX] || (external && i == tree_leaf_node(sender)))
                        continue;
                for (uint32_t k = 0; k < count; k++)
                        if (bytes_equal(keys[k], ratchet_tree_key(t, i)))
                                return true;
        }
        return false;
}

/* Merges the path into @next's tree and decrypts our share of it under the provisional context. */
static int receive_path(const struct epoch *e, struct epoch *next, const struct commit *c, uint32_t sender,
                        bool external, const struct applied_proposals *applied, struct secret **commit_secret)
{
        const struct suite *s = e->context.suite;
        _cleanup_(group_context_release) struct group_context provisional = { 0 };
        uint8_t hash[SUITE_HASH_MAX];
        int r;

        if (path_is_old(&next->tree, &c->path, sender, external))
                return -EBADMSG;
        r = treekem_merge(&next->tree, sender, &c->path);
        if (r >= 0)
                r = leaf_node_validate(&next->tree, sender, e->context.group_id, applied->extensions);
        if (r < 0)
                return r;
        ratchet_tree_hash(&next->tree, tree_root(next->tree.leaves), hash);
        r = group_context_make(s, e->context.group_id, e->context.epoch + 1, BYTES(hash, s->hash_size),
                               e->context.confirmed_transcript_hash, applied->extensions, &provisional);
        if (r < 0)
                return r;
        r = treekem_decrypt(&next->tree, &next->keys, sender, &c->path, &applied->added,
                            group_context_bytes(&provisional), commit_secret);
        private_keys_prune(&next->keys, &next->tree);
        return r;
}

/* An update of our own that somebody committed: its private keys become ours. */
static int take_own_update(struct epoch *next, const struct listed_proposal *p)
{
        if (!p->stored || !p->stored->leaf_key)
                return -EBADMSG;
        private_keys_set(&next->keys, tree_leaf_node(next->keys.leaf), secret_copy(secret_bytes(p->stored->leaf_key)));
        if (p->stored->signature_key)
                return signature_key_new(next->tree.suite, p->stored->signature_key, &next->signature_key);
        return 0;
}

/* An external committer that takes its leaf of before out may put there only what an update could (§12.2). */
static int check_replacement(const struct epoch *e, const struct commit *c, uint32_t replaced)
{
        const struct leaf_node *before = replaced == NODE_NONE ? NULL : ratchet_tree_leaf(&e->tree, replaced);

        return before && bytes_equal(before->encryption_key, c->path.leaf.encryption_key) ? -EBADMSG : 0;
}

/* Applies the proposals to @next's tree and finds the committer's place, which an external one gets only now. */
static int receive_proposals(const struct epoch *e, struct epoch *next, const struct proposal_list *l,
                             const struct commit *c, struct committer *who, struct applied_proposals *applied)
{
        int r;

        ratchet_tree_copy(&e->tree, &next->tree);
        r = proposal_list_apply(l, &next->tree, e->context.group_id, e->context.extensions, applied);
        if (r < 0)
                return r;
        private_keys_copy(&e->keys, &next->keys);
        for (size_t i = 0; r >= 0 && i < l->count; i++)
                if (proposal_touched_leaf(&l->items[i]) == e->keys.leaf)
                        r = l->items[i].proposal.type == PROPOSAL_REMOVE ? -EKEYREVOKED
                                                                         : take_own_update(next, &l->items[i]);
        private_keys_prune(&next->keys, &next->tree);
        if (r < 0 || who->leaf != NODE_NONE)
                return r;
        if (proposal_list_find(l, PROPOSAL_REMOVE))
                who->replaced = proposal_list_find(l, PROPOSAL_REMOVE)->removed;
        r = check_replacement(e, c, who->replaced);
        return r < 0 ? r : ratchet_tree_add(&next->tree, c->path.leaf.encoded, &who->leaf);
}

int epoch_receive_commit(const struct epoch *e, const struct authenticated_content *a,
                         const struct proposal_store *store, const struct psk_source *psks,
                         const struct commit_judge *judge, struct committer *committer, struct epoch **out)
{
        const struct suite *s = e->context.suite;
        const bool external = a->content.sender_type != SENDER_MEMBER;
        struct committer who = { external ? NODE_NONE : a->content.sender, NODE_NONE };
        _cleanup_(proposal_list_release) struct proposal_list list = { 0 };
        _cleanup_(applied_proposals_release) struct applied_proposals applied = { 0 };
        _cleanup_secret_ struct secret *commit_secret = NULL, *init_secret = NULL, *psk = NULL, *joiner = NULL;
        _cleanup_epoch_ struct epoch *next = calloc(1, sizeof(*next));
        uint8_t tree_hash[SUITE_HASH_MAX], confirmed[SUITE_HASH_MAX], tag[SUITE_HASH_MAX];
        struct commit c;
        struct reader body;
        int r;

        if (!next)
                abort();
        reader_init(&body, a->content.body);
        commit_read(&body, &c);
        if (reader_finish(&body) < 0 || (external && !c.has_path) || (!external && who.leaf == e->keys.leaf))
                return -EBADMSG;
        r = proposal_list_collect(s, &c, who.leaf, store, &list);
        if (r >= 0)
                r = proposal_list_check(&list, who.leaf, c.has_path);
        if (r >= 0 && judge->judge)
                r = judge->judge(judge->userdata,
                                 &(struct commit_view){ e, &list, who.leaf, c.has_path ? &c.path.leaf : NULL,
                                                        a->content.authenticated_data });
        if (r >= 0)
                r = receive_proposals(e, next, &list, &c, &who, &applied);
        if (r >= 0)
                r = epoch_proposed_psk_secret(s, &list, psks, &psk);
        if (r >= 0 && external)
                r = external_init(e, &list, &init_secret);
        if (r < 0)
                return r;
        if (c.has_path)
                r = receive_path(e, next, &c, who.leaf, external, &applied, &commit_secret);
        else
                commit_secret = secret_new(s->hash_size);
        if (r >= 0)
                r = transcript_confirm(s, BYTES(e->interim_transcript_hash, s->hash_size), a, confirmed);
        if (r < 0)
                return r;
        ratchet_tree_hash(&next->tree, tree_root(next->tree.leaves), tree_hash);
        r = group_context_make(s, e->context.group_id, e->context.epoch + 1, BYTES(tree_hash, s->hash_size),
                               BYTES(confirmed, s->hash_size), applied.extensions, &next->context);
        if (r < 0)
                return r;
        joiner = key_schedule_joiner(s, init_secret ? init_secret : e->schedule.init_secret, commit_secret,
                                     group_context_bytes(&next->context));
        if (a->auth.confirmation_tag.size != s->hash_size)
                return -EBADMSG;
        r = epoch_complete(next, joiner, psk, a->auth.confirmation_tag, tag);
        if (r < 0)
                return r;
        epoch_note_reinit(next, &list);
        *committer = who;
        *out = TAKE(next);
        return 0;
}
