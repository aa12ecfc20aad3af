#include "cryptod/mls/secret_tree.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/tree_math.h"
#include "services/cleanup.h"

struct kept_key {
        uint32_t generation;
        struct secret *key, *nonce;
};

struct ratchet {
        struct secret *secret; /* of the generation @next; NULL once the ratchet has run out */
        uint32_t next;
        struct kept_key kept[SECRET_TREE_KEPT_MAX]; /* oldest first */
        unsigned kept_count;
};

/* A leaf's two ratchets exist from its first message on; until then its secret lies in a node above it. */
struct leaf_ratchets {
        struct ratchet by_type[2];
};

struct secret_tree {
        const struct suite *suite;
        uint32_t leaves;
        struct secret **nodes; /* by node index; NULL where it has been used up or not been derived yet */
        struct leaf_ratchets **ratchets;
        /* A ratchet moved on for a message that nobody has vouched for yet; it takes its place when the message is
         * consumed. Any member can write a message that names another's leaf and a far generation, and must not be able
         * to make us give up keys by it. */
        struct {
                struct ratchet ratchet;
                uint32_t leaf;
                enum ratchet_type type;
        } ahead;
        uint32_t *changed; /* parts, each once */
        size_t changed_count;
};

enum { PART_LEVELS = 4 };

/* The part that a node's secret is in. */
static uint32_t part_of(uint32_t node)
{
        uint32_t top = (tree_level(node) / PART_LEVELS + 1) * PART_LEVELS;

        return (node >> (top + 1) << (top + 1)) + (1u << top) - 1;
}

static void note_change(struct secret_tree *t, uint32_t part)
{
        for (size_t i = t->changed_count; i-- > 0;) /* what changes next is mostly what changed last */
                if (t->changed[i] == part)
                        return;
        t->changed = reallocarray(t->changed, t->changed_count + 1, sizeof(*t->changed));
        if (!t->changed)
                abort();
        t->changed[t->changed_count++] = part;
}

/* Puts @secret (which passes over; NULL: it has been used up) in a node's place. */
static void set_node(struct secret_tree *t, uint32_t node, struct secret *secret)
{
        secret_free(t->nodes[node]);
        t->nodes[node] = secret;
        note_change(t, part_of(node));
}

struct secret_tree *secret_tree_empty(const struct suite *s, uint32_t leaves)
{
        struct secret_tree *t = calloc(1, sizeof(*t));

        if (!t)
                abort();
        *t = (struct secret_tree){ .suite = s, .leaves = leaves };
        t->nodes = calloc(tree_width(leaves), sizeof(*t->nodes));
        t->ratchets = calloc(leaves, sizeof(*t->ratchets));
        if (!t->nodes || !t->ratchets)
                abort();
        return t;
}

struct secret_tree *secret_tree_new(const struct suite *s, struct secret *encryption_secret, uint32_t leaves)
{
        struct secret_tree *t = secret_tree_empty(s, leaves);

        set_node(t, tree_root(leaves), encryption_secret);
        return t;
}

static void kept_release(struct kept_key *k)
{
        k->key = secret_free(k->key);
        k->nonce = secret_free(k->nonce);
}

static void ratchet_release(struct ratchet *r)
{
        secret_free(r->secret);
        for (unsigned i = 0; i < r->kept_count; i++)
                kept_release(&r->kept[i]);
        *r = (struct ratchet){ 0 };
}

static void ratchets_free(struct leaf_ratchets *l)
{
        for (unsigned type = 0; l && type < 2; type++)
                ratchet_release(&l->by_type[type]);
        free(l);
}

static void ratchet_copy(const struct ratchet *r, struct ratchet *out)
{
        *out = *r;
        out->secret = secret_copy(secret_bytes(r->secret));
        for (unsigned i = 0; i < r->kept_count; i++) {
                out->kept[i].key = secret_copy(secret_bytes(r->kept[i].key));
                out->kept[i].nonce = secret_copy(secret_bytes(r->kept[i].nonce));
        }
}

struct secret_tree *secret_tree_free(struct secret_tree *t)
{
        if (!t)
                return NULL;
        for (uint32_t i = 0; i < tree_width(t->leaves); i++)
                secret_free(t->nodes[i]);
        for (uint32_t i = 0; i < t->leaves; i++)
                ratchets_free(t->ratchets[i]);
        ratchet_release(&t->ahead.ratchet);
        free(t->nodes);
        free(t->ratchets);
        free(t->changed);
        free(t);
        return NULL;
}

/* Derives down to the leaf, forgetting each secret above it on the way, and starts its ratchets. */
static struct leaf_ratchets *leaf_ratchets(struct secret_tree *t, uint32_t leaf)
{
        uint32_t target = tree_leaf_node(leaf), node = target;
        struct leaf_ratchets *l;

        if (t->ratchets[leaf])
                return t->ratchets[leaf];
        while (!t->nodes[node])
                node = tree_parent(node, t->leaves);
        while (node != target) {
                uint32_t left = tree_left(node), right = tree_right(node);

                set_node(t, left,
                         suite_expand_with_label(t->suite, t->nodes[node], "tree", BYTES_STRING("left"),
                                                 t->suite->hash_size));
                set_node(t, right,
                         suite_expand_with_label(t->suite, t->nodes[node], "tree", BYTES_STRING("right"),
                                                 t->suite->hash_size));
                set_node(t, node, NULL);
                node = tree_is_below(target, left) ? left : right;
        }
        l = calloc(1, sizeof(*l));
        if (!l)
                abort();
        l->by_type[RATCHET_HANDSHAKE].secret =
                suite_expand_with_label(t->suite, t->nodes[target], "handshake", BYTES(NULL, 0), t->suite->hash_size);
        l->by_type[RATCHET_APPLICATION].secret =
                suite_expand_with_label(t->suite, t->nodes[target], "application", BYTES(NULL, 0), t->suite->hash_size);
        set_node(t, target, NULL);
        t->ratchets[leaf] = l;
        note_change(t, target);
        return l;
}

/* Moves a ratchet on by one generation and gives its key. */
static struct kept_key advance(const struct suite *s, struct ratchet *r)
{
        struct kept_key k = {
                .generation = r->next,
                .key = suite_derive_tree_secret(s, r->secret, "key", r->next, s->aead_key_size),
                .nonce = suite_derive_tree_secret(s, r->secret, "nonce", r->next, SUITE_NONCE_SIZE),
        };
        struct secret *next = suite_derive_tree_secret(s, r->secret, "secret", r->next, s->hash_size);

        secret_free(r->secret);
        r->secret = next;
        r->next++;
        return k;
}

int secret_tree_next(struct secret_tree *t, uint32_t leaf, enum ratchet_type type, uint32_t *generation,
                     struct secret **key, struct secret **nonce)
{
        struct ratchet *r;
        struct kept_key k;

        assert(leaf < t->leaves);
        r = &leaf_ratchets(t, leaf)->by_type[type];
        if (r->next == UINT32_MAX)
                return -EOVERFLOW;
        k = advance(t->suite, r);
        note_change(t, tree_leaf_node(leaf));
        *generation = k.generation;
        *key = k.key;
        *nonce = k.nonce;
        return 0;
}

static void drop(struct ratchet *r, unsigned index)
{
        kept_release(&r->kept[index]);
        r->kept_count--;
        for (unsigned i = index; i < r->kept_count; i++)
                r->kept[i] = r->kept[i + 1];
        r->kept[r->kept_count] = (struct kept_key){ 0 };
}

static void keep(struct ratchet *r, struct kept_key k)
{
        if (r->kept_count == SECRET_TREE_KEPT_MAX)
                drop(r, 0);
        r->kept[r->kept_count++] = k;
}

static struct kept_key *find(struct ratchet *r, uint32_t generation)
{
        for (unsigned i = 0; i < r->kept_count; i++)
                if (r->kept[i].generation == generation)
                        return &r->kept[i];
        return NULL;
}

int secret_tree_peek(struct secret_tree *t, uint32_t leaf, enum ratchet_type type, uint32_t generation,
                     const struct secret **key, const struct secret **nonce)
{
        struct kept_key *k;
        struct ratchet *r;

        if (leaf >= t->leaves)
                return -EBADMSG;
        r = &leaf_ratchets(t, leaf)->by_type[type];
        if (generation >= r->next && (generation - r->next > SECRET_TREE_SKIP_MAX || generation == UINT32_MAX))
                return -ERANGE;
        if (generation >= r->next) {
                ratchet_release(&t->ahead.ratchet);
                ratchet_copy(r, &t->ahead.ratchet);
                t->ahead.leaf = leaf;
                t->ahead.type = type;
                r = &t->ahead.ratchet;
        }
        while (r->next <= generation)
                keep(r, advance(t->suite, r));
        k = find(r, generation);
        if (!k)
                return -EALREADY;
        *key = k->key;
        *nonce = k->nonce;
        return 0;
}

void secret_tree_consume(struct secret_tree *t, uint32_t leaf, enum ratchet_type type, uint32_t generation)
{
        struct ratchet *r = &leaf_ratchets(t, leaf)->by_type[type];

        note_change(t, tree_leaf_node(leaf));
        if (generation >= r->next) {
                assert(t->ahead.ratchet.secret && t->ahead.leaf == leaf && t->ahead.type == type);
                ratchet_release(r);
                *r = t->ahead.ratchet;
                t->ahead.ratchet = (struct ratchet){ 0 };
        }
        for (unsigned i = 0; i < r->kept_count; i++)
                if (r->kept[i].generation == generation) {
                        drop(r, i);
                        return;
                }
}

/* -- parts -------------------------------------------------------------------------------------------------------- */

/* struct { struct { opaque secret<V>; uint32 next, kept_count; struct { uint32 generation; opaque key<V>, nonce<V>; }
 * kept[kept_count]; } by_type[2]; } */
static void write_ratchets(const struct leaf_ratchets *l, struct writer *w)
{
        for (unsigned type = 0; type < 2; type++) {
                const struct ratchet *r = &l->by_type[type];

                write_vector(w, secret_bytes(r->secret));
                write_u32(w, r->next);
                write_u32(w, r->kept_count);
                for (unsigned k = 0; k < r->kept_count; k++) {
                        write_u32(w, r->kept[k].generation);
                        write_vector(w, secret_bytes(r->kept[k].key));
                        write_vector(w, secret_bytes(r->kept[k].nonce));
                }
        }
}

/* struct { uint32 node; opaque secret<V>; } secrets[], by ascending nodes. */
static void write_nodes(const struct secret_tree *t, uint32_t part, struct writer *w)
{
        uint32_t half = 1u << tree_level(part), step = half >> PART_LEVELS, width = tree_width(t->leaves);

        for (uint32_t node = part - half + step; node < part + half && node < width; node += step)
                if (node != part && t->nodes[node]) {
                        write_u32(w, node);
                        write_vector(w, secret_bytes(t->nodes[node]));
                }
}

void secret_tree_write_part(const struct secret_tree *t, uint32_t part, struct writer *w)
{
        if (tree_is_leaf(part) && part < tree_width(t->leaves) && t->ratchets[tree_node_leaf(part)])
                write_ratchets(t->ratchets[tree_node_leaf(part)], w);
        else if (!tree_is_leaf(part) && tree_level(part) % PART_LEVELS == 0)
                write_nodes(t, part, w);
}

uint32_t secret_tree_parts(const struct secret_tree *t)
{
        return part_of(tree_root(t->leaves)) + 1; /* which lies above the root, and so behind all nodes */
}

const uint32_t *secret_tree_changed(const struct secret_tree *t, size_t *count)
{
        *count = t->changed_count;
        return t->changed;
}

void secret_tree_saved(struct secret_tree *t)
{
        t->changed_count = 0;
}

static struct secret *read_secret(struct reader *r, size_t size)
{
        struct bytes b = read_vector(r);

        if (b.size == size)
                return secret_copy(b);
        reader_fail(r);
        return NULL;
}

static void read_ratchet(const struct suite *s, struct reader *reader, struct ratchet *r)
{
        uint32_t count;

        r->secret = read_secret(reader, s->hash_size);
        r->next = read_u32(reader);
        count = read_u32(reader);
        if (count > SECRET_TREE_KEPT_MAX)
                reader_fail(reader);
        for (uint32_t i = 0; i < count && !reader->error; i++) {
                struct kept_key *k = &r->kept[r->kept_count++];

                k->generation = read_u32(reader);
                k->key = read_secret(reader, s->aead_key_size);
                k->nonce = read_secret(reader, SUITE_NONCE_SIZE);
        }
}

static void read_nodes(struct secret_tree *t, uint32_t part, struct reader *r)
{
        for (uint32_t last = 0, first = true; reader_more(r); first = false) {
                uint32_t node = read_u32(r);

                if (node >= tree_width(t->leaves) || part_of(node) != part || (!first && node <= last))
                        reader_fail(r);
                last = node;
                if (!r->error)
                        t->nodes[node] = read_secret(r, t->suite->hash_size);
        }
}

int secret_tree_read_part(struct secret_tree *t, uint32_t part, struct bytes content)
{
        struct leaf_ratchets *l;
        struct reader r;

        reader_init(&r, content);
        if (!tree_is_leaf(part)) {
                read_nodes(t, part, &r);
        } else if (part < tree_width(t->leaves) && !t->ratchets[tree_node_leaf(part)]) {
                l = t->ratchets[tree_node_leaf(part)] = calloc(1, sizeof(*l));
                if (!l)
                        abort();
                for (unsigned type = 0; type < 2; type++)
                        read_ratchet(t->suite, &r, &l->by_type[type]);
        } else {
                reader_fail(&r);
        }
        return content.size > 0 ? reader_finish(&r) : -EBADMSG;
}

bool secret_tree_is_whole(const struct secret_tree *t)
{
        for (uint32_t i = 0; i < t->leaves; i++) {
                uint32_t node = tree_leaf_node(i);

                while (!t->ratchets[i] && node != NODE_NONE && !t->nodes[node])
                        node = tree_parent(node, t->leaves);
                if (!t->ratchets[i] && node == NODE_NONE)
                        return false;
        }
        return true;
}
