#include "cryptod/mls/epoch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/transcript.h"
#include "services/cleanup.h"
#include "services/seal.h"

struct epoch *epoch_free(struct epoch *e)
{
        if (!e)
                return NULL;
        group_context_release(&e->context);
        ratchet_tree_release(&e->tree);
        private_keys_release(&e->keys);
        key_schedule_release(&e->schedule);
        secret_tree_free(e->secret_tree);
        signature_key_free(e->signature_key);
        free((void *) e->reinit.data);
        free(e);
        return NULL;
}

void epoch_release(struct epoch **e)
{
        *e = epoch_free(*e);
}

int epoch_psk_secret(const struct suite *s, const struct psk_id *ids, size_t count, const struct psk_source *source,
                     struct secret **out)
{
        _cleanup_free_ struct psk *psks = NULL;

        if (count > UINT16_MAX) /* PSKLabel counts them in two bytes */
                return -EBADMSG;
        psks = calloc(count + 1, sizeof(*psks));
        if (!psks)
                abort();
        for (size_t i = 0; i < count; i++) {
                psks[i] = (struct psk){ ids[i], source ? source->find(source->userdata, &ids[i]) : NULL };
                if (!psks[i].value)
                        return -ENOKEY;
        }
        *out = psk_secret(s, psks, count);
        return 0;
}

int epoch_proposed_psk_secret(const struct suite *s, const struct proposal_list *l, const struct psk_source *source,
                              struct secret **out)
{
        _cleanup_free_ struct psk_id *ids = calloc(l->count + 1, sizeof(*ids));
        size_t count = 0;

        if (!ids)
                abort();
        for (size_t i = 0; i < l->count; i++)
                if (l->items[i].proposal.type == PROPOSAL_PSK)
                        ids[count++] = l->items[i].proposal.psk;
        return epoch_psk_secret(s, ids, count, source, out);
}

void epoch_note_reinit(struct epoch *next, const struct proposal_list *l)
{
        const struct proposal *p = proposal_list_find(l, PROPOSAL_REINIT);
        uint8_t *copy = p ? malloc(p->encoded.size) : NULL;

        if (!p)
                return;
        if (!copy)
                abort();
        memcpy(copy, p->encoded.data, p->encoded.size);
        next->reinit = BYTES(copy, p->encoded.size);
}

int epoch_complete(struct epoch *next, const struct secret *joiner_secret, const struct secret *psk_secret,
                   struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX])
{
        const struct suite *s = next->context.suite;
        struct bytes made = BYTES(tag, s->hash_size);

        key_schedule_epoch(s, joiner_secret, psk_secret, group_context_bytes(&next->context), &next->schedule);
        suite_mac(s, secret_bytes(next->schedule.confirmation_key), next->context.confirmed_transcript_hash, tag);
        if (confirmation_tag.size > 0 && !secret_equal(made, confirmation_tag))
                return -EBADMSG;
        next->secret_tree = secret_tree_new(s, TAKE(next->schedule.encryption_secret), next->tree.leaves);
        return transcript_interim(s, next->context.confirmed_transcript_hash, made, next->interim_transcript_hash);
}

int epoch_create(const struct suite *s, struct bytes group_id, struct bytes leaf_node, struct secret *key,
                 struct bytes extensions, struct epoch **out)
{
        _cleanup_epoch_ struct epoch *e = calloc(1, sizeof(*e));
        /* §11: the first epoch's secret is fresh; a random joiner secret stands for it. */
        _cleanup_secret_ struct secret *joiner = secret_random(s->hash_size), *no_psk = psk_secret(s, NULL, 0);
        uint8_t hash[SUITE_HASH_MAX], tag[SUITE_HASH_MAX];
        uint32_t leaf;
        int r;

        if (!e)
                abort();
        e->tree.suite = s;
        r = ratchet_tree_add(&e->tree, leaf_node, &leaf);
        if (r < 0) {
                secret_free(key);
                return r;
        }
        private_keys_set(&e->keys, tree_leaf_node(leaf), key);
        ratchet_tree_hash(&e->tree, tree_root(e->tree.leaves), hash);
        r = group_context_make(s, group_id, 0, BYTES(hash, s->hash_size), BYTES(NULL, 0), extensions, &e->context);
        if (r >= 0)
                r = leaf_node_verify(s, ratchet_tree_leaf(&e->tree, leaf), group_id, leaf);
        if (r >= 0)
                r = epoch_complete(e, joiner, no_psk, BYTES(NULL, 0), tag);
        if (r < 0)
                return r;
        *out = TAKE(e);
        return 0;
}
