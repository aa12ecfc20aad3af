#include "cryptod/mls/treekem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/hpke.h"
#include "cryptod/mls/parallel.h"
#include "services/cleanup.h"
#include "services/seal.h"

static void node_list_release(struct node_list *l)
{
        free(l->nodes);
        *l = (struct node_list){ 0 };
}

#define _cleanup_node_list_ _cleanup_(node_list_release)

void private_keys_release(struct private_keys *k)
{
        for (uint32_t i = 0; i < k->count; i++)
                secret_free(k->items[i].key);
        free(k->items);
        *k = (struct private_keys){ 0 };
}

/* Where a node's key is, or belongs. */
static uint32_t find_key(const struct private_keys *k, uint32_t node)
{
        uint32_t i = k->count;

        while (i > 0 && k->items[i - 1].node >= node)
                i--;
        return i;
}

const struct secret *private_keys_get(const struct private_keys *k, uint32_t node)
{
        uint32_t i = find_key(k, node);

        return i < k->count && k->items[i].node == node ? k->items[i].key : NULL;
}

void private_keys_set(struct private_keys *k, uint32_t node, struct secret *key)
{
        uint32_t i = find_key(k, node);

        if (i < k->count && k->items[i].node == node) {
                secret_free(k->items[i].key);
                k->items[i].key = key;
                return;
        }
        k->items = reallocarray(k->items, k->count + 1, sizeof(*k->items));
        if (!k->items)
                abort();
        memmove(&k->items[i + 1], &k->items[i], (k->count - i) * sizeof(*k->items));
        k->items[i] = (struct private_key){ node, key };
        k->count++;
}

void private_keys_copy(const struct private_keys *k, struct private_keys *out)
{
        *out = (struct private_keys){ .leaf = k->leaf };
        for (uint32_t i = 0; i < k->count; i++)
                private_keys_set(out, k->items[i].node, secret_copy(secret_bytes(k->items[i].key)));
}

void private_keys_prune(struct private_keys *k, const struct ratchet_tree *t)
{
        uint32_t kept = 0;

        for (uint32_t i = 0; i < k->count; i++)
                if (ratchet_tree_node(t, k->items[i].node) && tree_is_below(tree_leaf_node(k->leaf), k->items[i].node))
                        k->items[kept++] = k->items[i];
                else
                        secret_free(k->items[i].key);
        k->count = kept;
}

void path_secrets_release(struct path_secrets *p)
{
        for (uint32_t i = 0; i < p->path.count; i++)
                secret_free(p->secrets[i]);
        free(p->secrets);
        secret_free(p->commit_secret);
        node_list_release(&p->path);
        node_list_release(&p->copath);
        *p = (struct path_secrets){ 0 };
}

/* The key pair of a node from its path secret. */
static struct secret *node_key_pair(const struct suite *s, const struct secret *path_secret, struct writer *public_key)
{
        _cleanup_secret_ struct secret *node_secret = suite_derive_secret(s, path_secret, "node");

        return hpke_derive_key_pair(s, secret_bytes(node_secret), public_key);
}

/* Sets the nodes of a path from the top down, so that each parent hash is made over a finished parent; what lies on the
 * direct path and not in the filtered one becomes blank. @keys: entry by entry. The leaf's parent hash is appended to
 * @leaf_parent_hash. */
static void set_path(struct ratchet_tree *t, uint32_t leaf, const struct node_list *path,
                     const struct node_list *copath, const struct bytes *keys, struct writer *leaf_parent_hash)
{
        uint8_t hash[SUITE_HASH_MAX];
        struct bytes parent_hash = BYTES(NULL, 0);

        for (uint32_t n = tree_leaf_node(leaf); (n = tree_parent(n, t->leaves)) != NODE_NONE;)
                ratchet_tree_blank(t, n);
        for (uint32_t i = path->count; i-- > 0;) {
                ratchet_tree_set_parent(t, path->nodes[i], keys[i], parent_hash);
                ratchet_tree_parent_hash(t, path->nodes[i], copath->nodes[i], hash);
                parent_hash = BYTES(hash, t->suite->hash_size);
        }
        write_fixed(leaf_parent_hash, parent_hash);
}

void treekem_refresh(struct ratchet_tree *t, struct private_keys *k, struct path_secrets *out,
                     struct writer *leaf_parent_hash)
{
        const struct suite *s = t->suite;
        _cleanup_secret_ struct secret *path_secret = secret_random(s->hash_size);

        *out = (struct path_secrets){ 0 };
        ratchet_tree_filtered_path(t, k->leaf, &out->path, &out->copath);
        out->secrets = calloc(out->path.count + 1, sizeof(*out->secrets));
        struct writer *public_keys = calloc(out->path.count + 1, sizeof(*public_keys));
        struct bytes *views = calloc(out->path.count + 1, sizeof(*views));

        if (!out->secrets || !public_keys || !views)
                abort();
        for (uint32_t i = 0; i < out->path.count; i++) {
                struct secret *next = suite_derive_secret(s, path_secret, "path");

                private_keys_set(k, out->path.nodes[i], node_key_pair(s, path_secret, &public_keys[i]));
                views[i] = writer_bytes(&public_keys[i]);
                out->secrets[i] = path_secret;
                path_secret = next;
        }
        /* One step beyond the last node; without any node, a fresh secret serves as well (§7.4). */
        out->commit_secret = TAKE(path_secret);
        set_path(t, k->leaf, &out->path, &out->copath, views, leaf_parent_hash);
        for (uint32_t i = 0; i < out->path.count; i++)
                writer_release(&public_keys[i]);
        free(public_keys);
        free(views);
}

/* A path secret on its way to one node. */
struct path_seal {
        struct bytes public_key;
        const struct secret *secret;
        struct writer kem_output, ciphertext;
        int result;
};

struct path_seals {
        const struct suite *suite;
        struct bytes group_context;
        struct path_seal *items;
        size_t count;
};

static void path_seals_release(struct path_seals *p)
{
        for (size_t i = 0; i < p->count; i++) {
                writer_release(&p->items[i].kem_output);
                writer_release(&p->items[i].ciphertext);
        }
        free(p->items);
}

static void seal_one(void *userdata, size_t index)
{
        const struct path_seals *all = userdata;
        struct path_seal *p = &all->items[index];

        p->result = hpke_encrypt_with_label(all->suite, p->public_key, "UpdatePathNode", all->group_context,
                                            secret_bytes(p->secret), &p->kem_output, &p->ciphertext);
}

int treekem_encrypt(const struct ratchet_tree *t, const struct path_secrets *p, const struct node_list *added,
                    struct bytes group_context, unsigned threads, struct writer *out)
{
        _cleanup_(path_seals_release) struct path_seals seals = { t->suite, group_context, NULL, 0 };
        _cleanup_free_ size_t *ends = calloc(p->path.count + 1, sizeof(*ends));
        size_t mark, n = 0;

        if (!ends)
                abort();
        for (uint32_t i = 0; i < p->path.count; i++) {
                _cleanup_node_list_ struct node_list resolution = ratchet_tree_resolution(t, p->copath.nodes[i], added);

                seals.items = reallocarray(seals.items, seals.count + resolution.count + 1, sizeof(*seals.items));
                if (!seals.items)
                        abort();
                for (uint32_t k = 0; k < resolution.count; k++)
                        seals.items[seals.count++] =
                                (struct path_seal){ .public_key = ratchet_tree_key(t, resolution.nodes[k]),
                                                    .secret = p->secrets[i] };
                ends[i] = seals.count;
        }
        parallel_for(threads, seals.count, seal_one, &seals);
        mark = writer_open_vector(out);
        for (uint32_t i = 0; i < p->path.count; i++) {
                size_t inner;

                write_vector(out, ratchet_tree_key(t, p->path.nodes[i]));
                inner = writer_open_vector(out);
                for (; n < ends[i]; n++) {
                        if (seals.items[n].result < 0)
                                return seals.items[n].result;
                        write_vector(out, writer_bytes(&seals.items[n].kem_output));
                        write_vector(out, writer_bytes(&seals.items[n].ciphertext));
                }
                writer_close_vector(out, inner);
        }
        writer_close_vector(out, mark);
        return writer_finish(out);
}

int treekem_merge(struct ratchet_tree *t, uint32_t sender, const struct update_path *update)
{
        _cleanup_node_list_ struct node_list path = { 0 }, copath = { 0 };
        _cleanup_writer_ struct writer parent_hash = WRITER_INIT;
        _cleanup_free_ struct bytes *keys = NULL;
        struct reader r;
        uint32_t count = 0;

        ratchet_tree_filtered_path(t, sender, &path, &copath);
        keys = calloc(path.count + 1, sizeof(*keys));
        if (!keys)
                abort();
        reader_init(&r, update->nodes);
        for (; reader_more(&r) && count < path.count; count++) {
                struct bytes secrets;

                update_path_node_read(&r, &keys[count], &secrets);
                if (hpke_check_public_key(t->suite, keys[count]) < 0)
                        return -EBADMSG;
        }
        if (reader_finish(&r) < 0 || count != path.count ||
            hpke_check_public_key(t->suite, update->leaf.encryption_key) < 0)
                return -EBADMSG;
        set_path(t, sender, &path, &copath, keys, &parent_hash);
        if (update->leaf.source != LEAF_NODE_COMMIT ||
            !bytes_equal(update->leaf.parent_hash, writer_bytes(&parent_hash)))
                return -EBADMSG;
        return ratchet_tree_set_leaf(t, sender, update->leaf.encoded);
}

int treekem_import(const struct ratchet_tree *t, struct private_keys *k, uint32_t sender, uint32_t node,
                   const struct secret *path_secret, struct secret **commit_secret)
{
        _cleanup_node_list_ struct node_list path = { 0 }, copath = { 0 };
        _cleanup_secret_ struct secret *secret = secret_copy(secret_bytes(path_secret));
        bool found = false;

        ratchet_tree_filtered_path(t, sender, &path, &copath);
        for (uint32_t i = 0; i < path.count; i++) {
                _cleanup_writer_ struct writer public_key = WRITER_INIT;
                _cleanup_secret_ struct secret *key = NULL;
                struct secret *next;

                found = found || path.nodes[i] == node;
                if (!found)
                        continue;
                key = node_key_pair(t->suite, secret, &public_key);
                if (!ratchet_tree_parent(t, path.nodes[i]) ||
                    !bytes_equal(writer_bytes(&public_key), ratchet_tree_key(t, path.nodes[i])))
                        return -EBADMSG;
                private_keys_set(k, path.nodes[i], TAKE(key));
                next = suite_derive_secret(t->suite, secret, "path");
                secret_free(secret);
                secret = next;
        }
        if (!found)
                return -EBADMSG;
        if (commit_secret)
                *commit_secret = TAKE(secret);
        return 0;
}

/* The entry of a path at @index. */
static int nth_path_node(struct bytes path_nodes, uint32_t index, struct bytes *secrets)
{
        struct bytes key;
        struct reader r;

        reader_init(&r, path_nodes);
        for (uint32_t i = 0; i <= index; i++)
                update_path_node_read(&r, &key, secrets);
        return r.error;
}

/* True if each node of a path has as many ciphertexts as the resolution of its copath node has nodes, those that are
 * meant for others included (§7.6). */
static bool ciphertexts_fit(const struct ratchet_tree *t, const struct node_list *copath, const struct node_list *added,
                            struct bytes path_nodes)
{
        struct reader r;

        reader_init(&r, path_nodes);
        for (uint32_t i = 0; i < copath->count; i++) {
                _cleanup_node_list_ struct node_list resolution = ratchet_tree_resolution(t, copath->nodes[i], added);
                struct bytes key, secrets, kem_output, ciphertext;
                uint32_t count = 0;
                struct reader list;

                update_path_node_read(&r, &key, &secrets);
                reader_init(&list, secrets);
                for (; reader_more(&list); count++)
                        hpke_ciphertext_read(&list, &kem_output, &ciphertext);
                if (r.error || count != resolution.count)
                        return false;
        }
        return true;
}

int treekem_decrypt(const struct ratchet_tree *t, struct private_keys *k, uint32_t sender,
                    const struct update_path *update, const struct node_list *added, struct bytes group_context,
                    struct secret **commit_secret)
{
        _cleanup_node_list_ struct node_list path = { 0 }, copath = { 0 }, resolution = { 0 };
        struct bytes secrets, kem_output, ciphertext;
        uint32_t index = 0, target = 0;
        struct reader list;

        ratchet_tree_filtered_path(t, sender, &path, &copath);
        while (index < path.count && !tree_is_below(tree_leaf_node(k->leaf), copath.nodes[index]))
                index++;
        if (index == path.count || !ciphertexts_fit(t, &copath, added, update->nodes) ||
            nth_path_node(update->nodes, index, &secrets) < 0)
                return -EBADMSG;
        resolution = ratchet_tree_resolution(t, copath.nodes[index], added);
        while (target < resolution.count && !private_keys_get(k, resolution.nodes[target]))
                target++;
        if (target == resolution.count)
                return -EBADMSG;
        reader_init(&list, secrets);
        for (uint32_t i = 0; i <= target; i++)
                hpke_ciphertext_read(&list, &kem_output, &ciphertext);

        _cleanup_writer_ struct writer plain = WRITER_INIT;
        int r = hpke_decrypt_with_label(t->suite, private_keys_get(k, resolution.nodes[target]),
                                        ratchet_tree_key(t, resolution.nodes[target]), "UpdatePathNode", group_context,
                                        kem_output, ciphertext, &plain);

        if (r < 0 || plain.size != t->suite->hash_size)
                return -EBADMSG;
        _cleanup_secret_ struct secret *path_secret = secret_copy(writer_bytes(&plain));

        return treekem_import(t, k, sender, path.nodes[index], path_secret, commit_secret);
}
