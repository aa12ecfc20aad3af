#include "cryptod/mls/ratchet_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

enum { NODE_TYPE_LEAF = 1, NODE_TYPE_PARENT = 2 };

/* The nodes that a tree from outside may have whatever it is, and those for each that is not blank. */
enum { TREE_BLANKS_FREE = 1 << 16, TREE_BLANKS_PER_NODE = 16 };

static void parent_read(struct reader *r, struct parent_node *out)
{
        uint64_t last = 0;
        struct reader list;

        out->encryption_key = read_vector(r);
        out->parent_hash = read_vector(r);
        list = read_vector_open(r);
        out->unmerged_leaves = list.rest;
        for (bool first = true; reader_more(&list); first = false) {
                uint32_t leaf = read_u32(&list);

                if (!first && leaf <= last)
                        reader_fail(&list);
                last = leaf;
        }
        reader_close_vector(r, &list);
}

/* A node with a copy of @encoded, and views into it; NULL if it is malformed. */
static struct tree_node *node_new(bool is_leaf, struct bytes encoded)
{
        struct tree_node *n = malloc(sizeof(*n) + encoded.size);
        struct reader r;

        if (!n)
                abort();
        *n = (struct tree_node){ .references = 1, .size = encoded.size };
        memcpy(n->encoded, encoded.data, encoded.size);
        reader_init(&r, BYTES(n->encoded, n->size));
        if (is_leaf)
                leaf_node_read(&r, &n->leaf);
        else
                parent_read(&r, &n->parent);
        if (reader_finish(&r) < 0) {
                free(n);
                return NULL;
        }
        return n;
}

/* Puts @next (which passes over; NULL blanks) in a node's place, and forgets the tree hashes that depend on it. */
static void replace(struct ratchet_tree *t, uint32_t node, struct tree_node *next)
{
        node_array_set(&t->nodes, node, next);
        while ((node = tree_parent(node, t->leaves)) != NODE_NONE)
                node_array_forget_hash(&t->nodes, node);
}

static int node_set(struct ratchet_tree *t, uint32_t node, struct bytes encoded)
{
        struct tree_node *next = node_new(tree_is_leaf(node), encoded);

        if (!next)
                return -EBADMSG;
        replace(t, node, next);
        return 0;
}

void ratchet_tree_release(struct ratchet_tree *t)
{
        node_array_release(&t->nodes);
        t->leaves = 0;
}

void ratchet_tree_resize(struct ratchet_tree *t, uint32_t leaves)
{
        t->nodes.hash_size = t->suite->hash_size;
        node_array_resize(&t->nodes, tree_width(leaves));
        t->leaves = leaves;
}

void ratchet_tree_copy(const struct ratchet_tree *t, struct ratchet_tree *out)
{
        *out = *t;
        node_array_copy(&t->nodes, &out->nodes);
}

/* Reads a node that is not blank, for its bytes. */
static struct bytes read_node(struct reader *r, uint32_t index)
{
        struct leaf_node leaf;
        struct parent_node parent;
        struct reader start;

        if (read_u8(r) != (tree_is_leaf(index) ? NODE_TYPE_LEAF : NODE_TYPE_PARENT))
                reader_fail(r);
        start = *r;
        if (tree_is_leaf(index))
                leaf_node_read(r, &leaf);
        else
                parent_read(r, &parent);
        return reader_between(&start, r);
}

/* How wide the tree of a list of nodes is, in leaves; 0 if it may not be read. What is made of it costs by the width,
 * so it must not be much wider than its nodes justify. */
static uint32_t width_of(struct reader list)
{
        uint32_t index = 0, present = 0, leaves = 1;
        bool last_is_blank = true;

        for (; reader_more(&list); index++) {
                last_is_blank = !read_optional(&list);
                if (last_is_blank)
                        continue;
                read_node(&list, index);
                present++;
        }
        if (reader_finish(&list) < 0 || last_is_blank || index > TREE_BLANKS_FREE + TREE_BLANKS_PER_NODE * present)
                return 0;
        while (tree_width(leaves) < index)
                leaves *= 2;
        return leaves <= TREE_LEAVES_MAX ? leaves : 0;
}

int ratchet_tree_read(const struct suite *s, struct reader *r, struct ratchet_tree *out)
{
        _cleanup_(ratchet_tree_release) struct ratchet_tree t = { .suite = s };
        struct reader list = read_vector_open(r);
        uint32_t leaves = width_of(list);

        if (leaves == 0)
                return -EBADMSG;
        ratchet_tree_resize(&t, leaves);
        for (uint32_t index = 0; reader_more(&list); index++)
                if (read_optional(&list) && node_set(&t, index, read_node(&list, index)) < 0)
                        return -EBADMSG;
        reader_close_vector(r, &list);
        if (r->error)
                return -EBADMSG;
        *out = t;
        t = (struct ratchet_tree){ 0 };
        return 0;
}

int ratchet_tree_read_node(struct ratchet_tree *t, uint32_t node, struct reader *r)
{
        bool present = read_optional(r);
        struct bytes encoded = present ? read_node(r, node) : BYTES(NULL, 0);

        if (r->error || node >= tree_width(t->leaves))
                return -EBADMSG;
        if (present)
                return node_set(t, node, encoded);
        replace(t, node, NULL);
        return 0;
}

void ratchet_tree_write_node(const struct ratchet_tree *t, uint32_t node, struct writer *w)
{
        const struct tree_node *n = ratchet_tree_node(t, node);

        write_optional(w, n != NULL);
        if (!n)
                return;
        write_u8(w, tree_is_leaf(node) ? NODE_TYPE_LEAF : NODE_TYPE_PARENT);
        write_fixed(w, BYTES(n->encoded, n->size));
}

void ratchet_tree_write(const struct ratchet_tree *t, struct writer *w)
{
        uint32_t count = tree_width(t->leaves);
        size_t mark = writer_open_vector(w);

        while (count > 0 && !ratchet_tree_node(t, count - 1))
                count--;
        for (uint32_t i = 0; i < count; i++)
                ratchet_tree_write_node(t, i, w);
        writer_close_vector(w, mark);
}

const struct tree_node *ratchet_tree_node(const struct ratchet_tree *t, uint32_t node)
{
        return node_array_get(&t->nodes, node);
}

const struct leaf_node *ratchet_tree_leaf(const struct ratchet_tree *t, uint32_t leaf)
{
        const struct tree_node *n = leaf < t->leaves ? ratchet_tree_node(t, tree_leaf_node(leaf)) : NULL;

        return n ? &n->leaf : NULL;
}

const struct parent_node *ratchet_tree_parent(const struct ratchet_tree *t, uint32_t node)
{
        const struct tree_node *n = ratchet_tree_node(t, node);

        return n ? &n->parent : NULL;
}

struct bytes ratchet_tree_key(const struct ratchet_tree *t, uint32_t node)
{
        return tree_is_leaf(node) ? ratchet_tree_node(t, node)->leaf.encryption_key
                                  : ratchet_tree_node(t, node)->parent.encryption_key;
}

static void set_parent(struct ratchet_tree *t, uint32_t node, struct bytes encryption_key, struct bytes parent_hash,
                       struct bytes unmerged_leaves)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_vector(&w, encryption_key);
        write_vector(&w, parent_hash);
        write_vector(&w, unmerged_leaves);
        if (writer_finish(&w) < 0 || node_set(t, node, writer_bytes(&w)) < 0)
                abort();
}

void ratchet_tree_set_parent(struct ratchet_tree *t, uint32_t node, struct bytes encryption_key,
                             struct bytes parent_hash)
{
        set_parent(t, node, encryption_key, parent_hash, BYTES(NULL, 0));
}

int ratchet_tree_set_leaf(struct ratchet_tree *t, uint32_t leaf, struct bytes leaf_node)
{
        return leaf < t->leaves ? node_set(t, tree_leaf_node(leaf), leaf_node) : -ENOENT;
}

void ratchet_tree_blank(struct ratchet_tree *t, uint32_t node)
{
        replace(t, node, NULL);
}

/* Adds a leaf to a parent's unmerged leaves, in its place in the order. */
static void add_unmerged(struct ratchet_tree *t, uint32_t node, uint32_t leaf)
{
        const struct parent_node *p = &ratchet_tree_node(t, node)->parent;
        _cleanup_writer_ struct writer list = WRITER_INIT;
        bool placed = false;
        struct reader r;

        reader_init(&r, p->unmerged_leaves);
        while (reader_more(&r)) {
                uint32_t other = read_u32(&r);

                if (!placed && leaf < other) {
                        write_u32(&list, leaf);
                        placed = true;
                }
                write_u32(&list, other);
        }
        if (!placed)
                write_u32(&list, leaf);
        if (writer_finish(&list) < 0)
                abort();
        set_parent(t, node, p->encryption_key, p->parent_hash, writer_bytes(&list));
}

int ratchet_tree_add(struct ratchet_tree *t, struct bytes leaf_node, uint32_t *out)
{
        uint32_t leaf = 0;
        int r;

        while (leaf < t->leaves && ratchet_tree_leaf(t, leaf))
                leaf++;
        if (leaf == t->leaves) {
                if (t->leaves >= TREE_LEAVES_MAX)
                        return -E2BIG;
                ratchet_tree_resize(t, t->leaves ? 2 * t->leaves : 1);
        }
        r = ratchet_tree_set_leaf(t, leaf, leaf_node);
        if (r < 0)
                return r;
        for (uint32_t n = tree_leaf_node(leaf); (n = tree_parent(n, t->leaves)) != NODE_NONE;)
                if (ratchet_tree_node(t, n))
                        add_unmerged(t, n, leaf);
        *out = leaf;
        return 0;
}

static void blank_direct_path(struct ratchet_tree *t, uint32_t leaf)
{
        for (uint32_t n = tree_leaf_node(leaf); (n = tree_parent(n, t->leaves)) != NODE_NONE;)
                replace(t, n, NULL);
}

int ratchet_tree_update(struct ratchet_tree *t, uint32_t leaf, struct bytes leaf_node)
{
        int r;

        if (!ratchet_tree_leaf(t, leaf))
                return -ENOENT;
        r = ratchet_tree_set_leaf(t, leaf, leaf_node);
        if (r < 0)
                return r;
        blank_direct_path(t, leaf);
        return 0;
}

static bool right_half_is_empty(const struct ratchet_tree *t)
{
        for (uint32_t leaf = t->leaves / 2; leaf < t->leaves; leaf++)
                if (ratchet_tree_leaf(t, leaf))
                        return false;
        return true;
}

int ratchet_tree_remove(struct ratchet_tree *t, uint32_t leaf)
{
        if (!ratchet_tree_leaf(t, leaf))
                return -ENOENT;
        replace(t, tree_leaf_node(leaf), NULL);
        blank_direct_path(t, leaf);
        while (t->leaves > 1 && right_half_is_empty(t))
                ratchet_tree_resize(t, t->leaves / 2);
        return 0;
}

static void list_add(struct node_list *l, uint32_t node)
{
        if ((l->count & (l->count - 1)) == 0) { /* full: the capacity is a power of two */
                l->nodes = reallocarray(l->nodes, l->count ? 2 * l->count : 1, sizeof(*l->nodes));
                if (!l->nodes)
                        abort();
        }
        l->nodes[l->count++] = node;
}

static bool list_has(const struct node_list *l, uint32_t node)
{
        for (uint32_t i = 0; l && i < l->count; i++)
                if (l->nodes[i] == node)
                        return true;
        return false;
}

static void resolve(const struct ratchet_tree *t, uint32_t node, const struct node_list *except, struct node_list *out)
{
        if (ratchet_tree_node(t, node)) {
                struct reader r;

                if (!list_has(except, node))
                        list_add(out, node);
                if (tree_is_leaf(node))
                        return;
                reader_init(&r, ratchet_tree_node(t, node)->parent.unmerged_leaves);
                while (reader_more(&r)) {
                        uint32_t leaf = tree_leaf_node(read_u32(&r));

                        if (!list_has(except, leaf))
                                list_add(out, leaf);
                }
        } else if (!tree_is_leaf(node)) {
                resolve(t, tree_left(node), except, out);
                resolve(t, tree_right(node), except, out);
        }
}

struct node_list ratchet_tree_resolution(const struct ratchet_tree *t, uint32_t node, const struct node_list *except)
{
        struct node_list out = { 0 };

        resolve(t, node, except, &out);
        return out;
}

/* True if nobody stands below a node. */
static bool is_empty(const struct ratchet_tree *t, uint32_t node)
{
        if (ratchet_tree_node(t, node))
                return false;
        return tree_is_leaf(node) || (is_empty(t, tree_left(node)) && is_empty(t, tree_right(node)));
}

void ratchet_tree_filtered_path(const struct ratchet_tree *t, uint32_t leaf, struct node_list *path,
                                struct node_list *copath)
{
        uint32_t child = tree_leaf_node(leaf), parent;

        *path = *copath = (struct node_list){ 0 };
        for (; (parent = tree_parent(child, t->leaves)) != NODE_NONE; child = parent) {
                uint32_t sibling = tree_sibling(child, t->leaves);

                if (!is_empty(t, sibling)) {
                        list_add(path, parent);
                        list_add(copath, sibling);
                }
        }
}
