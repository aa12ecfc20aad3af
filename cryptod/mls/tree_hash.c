/* Hashes over the ratchet tree: tree hashes, parent hashes, and the check of a tree that arrives whole (RFC 9420 §7.8,
 * §7.9). */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/hpke.h"
#include "cryptod/mls/parallel.h"
#include "cryptod/mls/ratchet_tree.h"
#include "services/cleanup.h"

enum { NODE_TYPE_LEAF = 1, NODE_TYPE_PARENT = 2 };

/* How many leaves of an ascending list of uint32 lie before @leaf. A search, for lists are as long as whoever sends a
 * tree likes, and are asked about each leaf. */
static uint32_t list_rank(struct bytes list, uint32_t leaf)
{
        uint32_t low = 0, high = (uint32_t) (list.size / sizeof(uint32_t));

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                struct reader r;

                reader_init(&r, list);
                read_fixed(&r, middle * sizeof(uint32_t));
                if (read_u32(&r) < leaf)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* How many leaves of the list stand below @node. */
static uint32_t list_count(struct bytes list, uint32_t node)
{
        uint32_t half = (1u << tree_level(node)) - 1;

        return list_rank(list, tree_node_leaf(node + half) + 1) - list_rank(list, tree_node_leaf(node - half));
}

static bool list_holds(struct bytes list, uint32_t leaf)
{
        return list_count(list, tree_leaf_node(leaf)) > 0;
}

/* A parent as it was before the leaves in @without came. */
static void write_parent(struct writer *w, const struct parent_node *p, struct bytes without)
{
        struct reader r;
        size_t mark;

        write_vector(w, p->encryption_key);
        write_vector(w, p->parent_hash);
        mark = writer_open_vector(w);
        reader_init(&r, p->unmerged_leaves);
        while (reader_more(&r)) {
                uint32_t leaf = read_u32(&r);

                if (!list_holds(without, leaf))
                        write_u32(w, leaf);
        }
        writer_close_vector(w, mark);
}

/* The tree hash of a subtree as if the leaves in @without (a list of uint32) had not come. */
static void hash_without(const struct ratchet_tree *t, uint32_t node, struct bytes without,
                         uint8_t out[static SUITE_HASH_MAX])
{
        _cleanup_writer_ struct writer w = WRITER_INIT; /* struct TreeHashInput */
        const struct tree_node *n = ratchet_tree_node(t, node);
        size_t size = t->suite->hash_size;
        bool as_it_is = list_count(without, node) == 0;
        const uint8_t *known = as_it_is ? node_array_hash(&t->nodes, node) : NULL;

        if (known) {
                memcpy(out, known, size);
                return;
        }
        if (tree_is_leaf(node)) {
                bool present = n && as_it_is;

                write_u8(&w, NODE_TYPE_LEAF);
                write_u32(&w, tree_node_leaf(node));
                write_optional(&w, present);
                if (present)
                        write_fixed(&w, n->leaf.encoded);
        } else {
                uint8_t left[SUITE_HASH_MAX], right[SUITE_HASH_MAX];

                hash_without(t, tree_left(node), without, left);
                hash_without(t, tree_right(node), without, right);
                write_u8(&w, NODE_TYPE_PARENT);
                write_optional(&w, n != NULL);
                if (n)
                        write_parent(&w, &n->parent, without);
                write_vector(&w, BYTES(left, size));
                write_vector(&w, BYTES(right, size));
        }
        if (writer_finish(&w) < 0)
                abort();
        suite_hash(t->suite, writer_bytes(&w), out);
        if (as_it_is)
                node_array_note_hash(&t->nodes, node, out);
}

void ratchet_tree_hash(const struct ratchet_tree *t, uint32_t node, uint8_t out[static SUITE_HASH_MAX])
{
        hash_without(t, node, BYTES(NULL, 0), out);
}

void ratchet_tree_parent_hash(const struct ratchet_tree *t, uint32_t node, uint32_t sibling,
                              uint8_t out[static SUITE_HASH_MAX])
{
        const struct parent_node *p = ratchet_tree_parent(t, node);
        _cleanup_writer_ struct writer w = WRITER_INIT; /* struct ParentHashInput */
        uint8_t original[SUITE_HASH_MAX];

        hash_without(t, sibling, p->unmerged_leaves, original);
        write_vector(&w, p->encryption_key);
        write_vector(&w, p->parent_hash);
        write_vector(&w, BYTES(original, t->suite->hash_size));
        if (writer_finish(&w) < 0)
                abort();
        suite_hash(t->suite, writer_bytes(&w), out);
}

/* The parent hash that a node carries; false for a leaf that carries none. */
static bool carried_hash(const struct ratchet_tree *t, uint32_t node, struct bytes *out)
{
        if (!tree_is_leaf(node)) {
                *out = ratchet_tree_node(t, node)->parent.parent_hash;
                return true;
        }
        *out = ratchet_tree_node(t, node)->leaf.parent_hash;
        return ratchet_tree_node(t, node)->leaf.source == LEAF_NODE_COMMIT;
}

/* The one node of the resolution of @child that is not an unmerged leaf of @parent; NODE_NONE if it is not one, or if
 * the others are not all of those that lie below @child. */
static uint32_t merged_node(const struct ratchet_tree *t, uint32_t parent, uint32_t child)
{
        struct bytes unmerged = ratchet_tree_node(t, parent)->parent.unmerged_leaves;
        struct node_list resolution = ratchet_tree_resolution(t, child, NULL);
        uint32_t merged = NODE_NONE, rest = 0;

        for (uint32_t i = 0; i < resolution.count; i++) {
                uint32_t node = resolution.nodes[i];

                if (tree_is_leaf(node) && list_holds(unmerged, tree_node_leaf(node)))
                        rest++;
                else
                        merged = node;
        }
        if (rest + 1 != resolution.count || rest != list_count(unmerged, child))
                merged = NODE_NONE;
        free(resolution.nodes);
        return merged;
}

/* True if @parent was made in a commit that also made a node below @child (§7.9.2). */
static bool linked_through(const struct ratchet_tree *t, uint32_t parent, uint32_t child, uint32_t sibling)
{
        uint32_t merged = merged_node(t, parent, child);
        uint8_t expected[SUITE_HASH_MAX];
        struct bytes carried;

        if (merged == NODE_NONE || !carried_hash(t, merged, &carried))
                return false;
        ratchet_tree_parent_hash(t, parent, sibling, expected);
        return bytes_equal(carried, BYTES(expected, t->suite->hash_size));
}

/* Unmerged leaves are members below their node, and unmerged in every node between (§12.4.3.1). */
static bool unmerged_leaves_fit(const struct ratchet_tree *t, uint32_t parent)
{
        struct reader r;

        reader_init(&r, ratchet_tree_node(t, parent)->parent.unmerged_leaves);
        while (reader_more(&r)) {
                uint32_t leaf = read_u32(&r), node;

                if (!ratchet_tree_leaf(t, leaf) || !tree_is_below(tree_leaf_node(leaf), parent))
                        return false;
                for (node = tree_parent(tree_leaf_node(leaf), t->leaves); node != parent;
                     node = tree_parent(node, t->leaves))
                        if (ratchet_tree_node(t, node) &&
                            !list_holds(ratchet_tree_node(t, node)->parent.unmerged_leaves, leaf))
                                return false;
        }
        return true;
}

static int compare_bytes(const void *a, const void *b)
{
        const struct bytes *x = a, *y = b;
        size_t n = x->size < y->size ? x->size : y->size;
        int r = n ? __builtin_memcmp(x->data, y->data, n) : 0;

        return r ? r : (x->size > y->size) - (x->size < y->size);
}

/* No encryption key stands twice in the tree, and no signature key in two leaves (§7.3). */
static bool keys_are_unique(const struct ratchet_tree *t)
{
        uint32_t width = tree_width(t->leaves), keys = 0, signatures = 0;
        _cleanup_free_ struct bytes *encryption = calloc(width, sizeof(struct bytes));
        _cleanup_free_ struct bytes *signature = calloc(width, sizeof(struct bytes));
        bool unique = true;

        if (!encryption || !signature)
                abort();
        for (uint32_t i = 0; i < width; i++) {
                if (!ratchet_tree_node(t, i))
                        continue;
                encryption[keys++] = ratchet_tree_key(t, i);
                if (tree_is_leaf(i))
                        signature[signatures++] = ratchet_tree_node(t, i)->leaf.signature_key;
        }
        qsort(encryption, keys, sizeof(*encryption), compare_bytes);
        qsort(signature, signatures, sizeof(*signature), compare_bytes);
        for (uint32_t i = 1; i < keys; i++)
                unique = unique && !bytes_equal(encryption[i - 1], encryption[i]);
        for (uint32_t i = 1; i < signatures; i++)
                unique = unique && !bytes_equal(signature[i - 1], signature[i]);
        return unique;
}

static bool parent_is_linked(const struct ratchet_tree *t, uint32_t node)
{
        return linked_through(t, node, tree_left(node), tree_right(node)) ||
               linked_through(t, node, tree_right(node), tree_left(node));
}

struct validation {
        const struct ratchet_tree *tree;
        struct bytes group_id;
        atomic_bool bad;
};

/* A node's key can be encrypted to, and a leaf is signed. The key would not be looked at before the first commit, which
 * then nobody could make; of X25519 and X448 it is compared with the few bad ones, of a NIST curve a point is decoded.
 */
static void validate_node(void *userdata, size_t index)
{
        struct validation *v = userdata;
        const struct suite *s = v->tree->suite;
        const uint32_t node = (uint32_t) index;

        if (!ratchet_tree_node(v->tree, node) || atomic_load(&v->bad))
                return;
        if (hpke_check_public_key(s, ratchet_tree_key(v->tree, node)) < 0 ||
            (tree_is_leaf(node) &&
             leaf_node_verify(s, &ratchet_tree_node(v->tree, node)->leaf, v->group_id, tree_node_leaf(node)) < 0))
                atomic_store(&v->bad, true);
}

int ratchet_tree_validate(const struct ratchet_tree *t, struct bytes group_id, unsigned threads)
{
        struct validation validation = { .tree = t, .group_id = group_id };
        uint32_t width = tree_width(t->leaves);

        if (t->leaves == 0 || !keys_are_unique(t))
                return -EBADMSG;
        for (uint32_t node = 0; node < width; node++)
                if (ratchet_tree_node(t, node) && !tree_is_leaf(node) && !unmerged_leaves_fit(t, node))
                        return -EBADMSG;
        /* Only now: a link is looked for through the unmerged leaves of other nodes, which may name any number. */
        for (uint32_t node = 0; node < width; node++)
                if (ratchet_tree_node(t, node) && !tree_is_leaf(node) && !parent_is_linked(t, node))
                        return -EBADMSG;
        parallel_for(threads, width, validate_node, &validation);
        return validation.bad ? -EBADMSG : 0;
}
