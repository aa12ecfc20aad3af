/* Joining by a Welcome (RFC 9420 §12.4.3.1). */
#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/epoch.h"
#include "cryptod/mls/leaf_node_validation.h"
#include "services/cleanup.h"

static int read_psks(const struct welcome *w, struct bytes list, const struct psk_source *source, struct secret **out)
{
        _cleanup_free_ struct psk_id *ids = calloc(list.size / PSK_ID_MIN + 1, sizeof(*ids));
        size_t count = 0;
        struct reader r;

        if (!ids)
                abort();
        reader_init(&r, list);
        while (reader_more(&r))
                psk_id_read(&r, &ids[count++]);
        return reader_finish(&r) < 0 ? -EBADMSG : epoch_psk_secret(w->suite, ids, count, source, out);
}

/* No group comes that far by commits, and one that did would begin anew at 0: whoever invites us into such a one wants
 * two of its epochs to be mistaken for each other. */
enum { EPOCH_FAR_BITS = 63 };

int epoch_read_tree(const struct group_info *info, struct bytes apart, unsigned threads, struct ratchet_tree *out)
{
        const struct group_context *c = &info->context;
        uint8_t hash[SUITE_HASH_MAX];
        const struct leaf_node *signer;
        struct bytes encoded = apart;
        struct reader reader;
        int r;

        if (c->epoch >> EPOCH_FAR_BITS != 0)
                return -EBADMSG;
        if (!extension_find(info->extensions, EXTENSION_RATCHET_TREE, &encoded) && apart.size == 0)
                return -ENOENT;
        reader_init(&reader, encoded);
        r = ratchet_tree_read(c->suite, &reader, out);
        if (r < 0)
                return r;
        signer = ratchet_tree_leaf(out, info->signer);
        if (reader_finish(&reader) < 0 || !signer || group_info_verify(info, signer->signature_key) < 0 ||
            info->confirmation_tag.size != c->suite->hash_size)
                return -EBADMSG;
        ratchet_tree_hash(out, tree_root(out->leaves), hash);
        if (!bytes_equal(BYTES(hash, c->suite->hash_size), c->tree_hash))
                return -EBADMSG;
        r = ratchet_tree_validate(out, c->group_id, threads);
        return r < 0 ? r : leaf_nodes_validate(out, c->extensions);
}

/* Finds our own leaf, and enters the private keys that we have. */
static int take_place(struct epoch *e, const struct key_package *package, const struct joiner *joiner, uint32_t signer,
                      const struct secret *path_secret)
{
        uint32_t leaf = 0;

        for (; leaf < e->tree.leaves; leaf++) {
                const struct leaf_node *n = ratchet_tree_leaf(&e->tree, leaf);

                if (n && bytes_equal(n->encoded, package->leaf.encoded))
                        break;
        }
        if (leaf == e->tree.leaves || leaf == signer)
                return -EBADMSG;
        e->keys.leaf = leaf;
        private_keys_set(&e->keys, tree_leaf_node(leaf), secret_copy(secret_bytes(joiner->leaf_key)));
        return path_secret ? treekem_import(&e->tree, &e->keys, signer,
                                            tree_common_ancestor(tree_leaf_node(leaf), tree_leaf_node(signer)),
                                            path_secret, NULL)
                           : 0;
}

int epoch_join(const struct welcome *w, const struct joiner *joiner, struct bytes tree, const struct psk_source *psks,
               unsigned threads, struct epoch **out)
{
        const struct suite *s = w->suite;
        _cleanup_(group_secrets_release) struct group_secrets secrets = { 0 };
        _cleanup_(group_info_release) struct group_info info = { 0 };
        _cleanup_epoch_ struct epoch *e = calloc(1, sizeof(*e));
        _cleanup_secret_ struct secret *psk = NULL;
        _cleanup_writer_ struct writer plain = WRITER_INIT;
        uint8_t ref[SUITE_HASH_MAX], tag[SUITE_HASH_MAX];
        struct key_package package;
        struct reader reader;
        int r;

        if (!e)
                abort();
        reader_init(&reader, joiner->key_package);
        key_package_read(&reader, &package);
        if (reader_finish(&reader) < 0)
                return -EBADMSG;
        if (package.cipher_suite != s->id)
                return -EPROTONOSUPPORT;
        key_package_ref(s, &package, ref);
        r = welcome_open_secrets(w, BYTES(ref, s->hash_size), joiner->init_key, &secrets);
        if (r >= 0)
                r = read_psks(w, secrets.psks, psks, &psk);
        if (r >= 0)
                r = welcome_open_group_info(w, secrets.joiner_secret, psk, &plain, &info);
        if (r >= 0)
                r = epoch_read_tree(&info, tree, threads, &e->tree);
        if (r < 0)
                return r;
        r = take_place(e, &package, joiner, info.signer, secrets.path_secret);
        if (r < 0)
                return r;
        e->inviter = info.signer;
        e->context = info.context;
        info.context = (struct group_context){ 0 };
        r = epoch_complete(e, secrets.joiner_secret, psk, info.confirmation_tag, tag);
        if (r < 0)
                return r;
        *out = TAKE(e);
        return 0;
}
