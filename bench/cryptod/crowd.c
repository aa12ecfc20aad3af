#include "bench/cryptod/crowd.h"

#include <err.h>
#include <stdlib.h>

#include "cryptod/mls/group_state.h"
#include "services/cleanup.h"
#include "services/seal.h"

struct newcomer {
        struct secret *signature_key;
        struct writer public_key, package;
        struct key_package_keys keys;
};

static void must(bool good)
{
        if (!good)
                errx(1, "a large group cannot be made");
}

static void newcomer_make(const struct suite *s, struct newcomer *n)
{
        *n = (struct newcomer){ 0 };
        n->signature_key = suite_signature_generate(s, &n->public_key);
        struct identity i = { .suite = s,
                              .credential = { CREDENTIAL_BASIC, BYTES_STRING("member") },
                              .signature_key = writer_bytes(&n->public_key),
                              .signature_private_key = n->signature_key };

        must(identity_key_package(&i, 0, 1000, false, &n->package, &n->keys) >= 0);
}

static void newcomer_release(struct newcomer *n)
{
        secret_free(n->signature_key);
        writer_release(&n->public_key);
        writer_release(&n->package);
        key_package_keys_release(&n->keys);
}

static uint32_t add(struct ratchet_tree *t, const struct newcomer *n)
{
        struct key_package k;
        struct reader r;
        uint32_t leaf;

        reader_init(&r, writer_bytes(&n->package));
        key_package_read(&r, &k);
        must(ratchet_tree_add(t, k.leaf.encoded, &leaf) >= 0);
        return leaf;
}

/* What a commit of this leaf does to the tree: a new path, and a leaf that is signed over it. */
static void commit_path(struct ratchet_tree *t, struct private_keys *keys, const struct secret *signature_key,
                        struct path_secrets *path)
{
        const struct leaf_node *old = ratchet_tree_leaf(t, keys->leaf);
        _cleanup_writer_ struct writer parent_hash = WRITER_INIT, leaf = WRITER_INIT, tbs = WRITER_INIT,
                                       signature = WRITER_INIT;

        treekem_refresh(t, keys, path, &parent_hash);
        write_vector(&leaf, old->encryption_key);
        write_vector(&leaf, old->signature_key);
        write_u16(&leaf, old->credential.type);
        write_vector(&leaf, old->credential.content);
        write_vector(&leaf, old->capabilities.versions);
        write_vector(&leaf, old->capabilities.cipher_suites);
        write_vector(&leaf, old->capabilities.extensions);
        write_vector(&leaf, old->capabilities.proposals);
        write_vector(&leaf, old->capabilities.credentials);
        write_u8(&leaf, LEAF_NODE_COMMIT);
        write_vector(&leaf, writer_bytes(&parent_hash));
        write_vector(&leaf, old->extensions);
        write_fixed(&tbs, writer_bytes(&leaf));
        write_vector(&tbs, BYTES_STRING("group"));
        write_u32(&tbs, keys->leaf);
        must(suite_sign_with_label(t->suite, signature_key, "LeafNodeTBS", writer_bytes(&tbs), &signature) >= 0);
        write_vector(&leaf, writer_bytes(&signature));
        must(ratchet_tree_set_leaf(t, keys->leaf, writer_bytes(&leaf)) >= 0);
}

static struct group *enter(const struct ratchet_tree *t, struct private_keys *keys, const struct secret *signature_key,
                           const struct secret *joiner_secret)
{
        const struct suite *s = t->suite;
        struct group *g = calloc(1, sizeof(*g));
        _cleanup_secret_ struct secret *no_psk = psk_secret(s, NULL, 0);
        uint8_t hash[SUITE_HASH_MAX], tag[SUITE_HASH_MAX];

        must(g && (g->current = calloc(1, sizeof(*g->current))));
        ratchet_tree_copy(t, &g->current->tree);
        g->current->keys = *keys;
        *keys = (struct private_keys){ 0 };
        ratchet_tree_hash(t, tree_root(t->leaves), hash);
        must(group_context_make(s, BYTES_STRING("group"), 1, BYTES(hash, s->hash_size), BYTES(hash, s->hash_size),
                                BYTES(NULL, 0), &g->current->context) >= 0 &&
             epoch_complete(g->current, joiner_secret, no_psk, BYTES(NULL, 0), tag) >= 0 &&
             signature_key_new(s, signature_key, &g->signature_key) >= 0);
        return g;
}

void crowd_make(const struct suite *s, uint32_t members, bool filled, struct crowd *out)
{
        _cleanup_(ratchet_tree_release) struct ratchet_tree tree = { .suite = s };
        _cleanup_free_ struct newcomer *all = calloc(members + 1, sizeof(*all));
        _cleanup_secret_ struct secret *joiner_secret = secret_random(s->hash_size);
        struct private_keys first = { .leaf = 0 }, last = { .leaf = members - 1 };
        uint32_t root;

        must(all != NULL);
        for (uint32_t i = 0; i <= members; i++)
                newcomer_make(s, &all[i]);
        for (uint32_t i = 0; i < members; i++)
                must(add(&tree, &all[i]) == i);
        root = tree_root(tree.leaves);
        private_keys_set(&first, 0, secret_copy(secret_bytes(all[0].keys.leaf_key)));
        private_keys_set(&last, tree_leaf_node(members - 1), secret_copy(secret_bytes(all[members - 1].keys.leaf_key)));
        /* Each second leaf fills all parents; the last and then the first come at the end. */
        for (uint32_t i = 2; filled && i + 1 < members; i += 2) {
                struct private_keys keys = { .leaf = i };
                struct path_secrets path;

                commit_path(&tree, &keys, all[i].signature_key, &path);
                path_secrets_release(&path);
                private_keys_release(&keys);
        }
        if (filled) {
                struct path_secrets path;

                commit_path(&tree, &last, all[members - 1].signature_key, &path);
                path_secrets_release(&path);
                commit_path(&tree, &first, all[0].signature_key, &path);
                must(treekem_import(&tree, &last, 0, root, path.secrets[path.path.count - 1], NULL) >= 0);
                path_secrets_release(&path);
        }
        *out = (struct crowd){ .leaf_size = ratchet_tree_leaf(&tree, 0)->encoded.size };
        out->committer = enter(&tree, &first, all[0].signature_key, joiner_secret);
        out->follower = enter(&tree, &last, all[members - 1].signature_key, joiner_secret);
        out->newcomer_signature_key = TAKE(all[members].signature_key);
        out->newcomer_package = all[members].package;
        out->newcomer_keys = all[members].keys;
        all[members].package = WRITER_INIT;
        all[members].keys = (struct key_package_keys){ 0 };
        for (uint32_t i = 0; i <= members; i++)
                newcomer_release(&all[i]);
}

void crowd_release(struct crowd *c)
{
        group_free(c->committer);
        group_free(c->follower);
        secret_free(c->newcomer_signature_key);
        writer_release(&c->newcomer_package);
        key_package_keys_release(&c->newcomer_keys);
}
