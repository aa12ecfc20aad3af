#include "cryptod/mls/node_array.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 32 };

struct node_chunk {
        unsigned references;
        struct tree_node *nodes[CHUNK];
        struct node_summary summaries[CHUNK];
        bool hashed[CHUNK];
        uint8_t hashes[];
};

static uint32_t chunk_count(uint32_t width)
{
        return (width + CHUNK - 1) / CHUNK;
}

static void node_release(struct tree_node *n)
{
        if (n && --n->references == 0)
                free(n);
}

static struct node_chunk *chunk_new(const struct node_array *a)
{
        struct node_chunk *c = calloc(1, sizeof(*c) + CHUNK * a->hash_size);

        if (!c)
                abort();
        c->references = 1;
        return c;
}

static void chunk_release(struct node_chunk *c)
{
        if (--c->references > 0)
                return;
        for (unsigned i = 0; i < CHUNK; i++)
                node_release(c->nodes[i]);
        free(c);
}

static struct node_chunk *chunk_copy(const struct node_array *a, const struct node_chunk *c)
{
        struct node_chunk *copy = chunk_new(a);

        memcpy(copy, c, sizeof(*c) + CHUNK * a->hash_size);
        copy->references = 1;
        for (unsigned i = 0; i < CHUNK; i++)
                if (copy->nodes[i])
                        copy->nodes[i]->references++;
        return copy;
}

/* The chunk of a node, not shared with another array. */
static struct node_chunk *own(struct node_array *a, uint32_t node)
{
        struct node_chunk **c = &a->chunks[node / CHUNK];

        assert(node < a->width);
        if ((*c)->references > 1) {
                struct node_chunk *copy = chunk_copy(a, *c);

                chunk_release(*c);
                *c = copy;
        }
        return *c;
}

void node_array_release(struct node_array *a)
{
        for (uint32_t i = 0; i < chunk_count(a->width); i++)
                chunk_release(a->chunks[i]);
        free(a->chunks);
        *a = (struct node_array){ .hash_size = a->hash_size };
}

void node_array_copy(const struct node_array *a, struct node_array *out)
{
        uint32_t count = chunk_count(a->width);

        *out = *a;
        out->chunks = calloc(count ? count : 1, sizeof(struct node_chunk *));
        if (!out->chunks)
                abort();
        for (uint32_t i = 0; i < count; i++) {
                out->chunks[i] = a->chunks[i];
                out->chunks[i]->references++;
        }
}

void node_array_resize(struct node_array *a, uint32_t width)
{
        uint32_t before = chunk_count(a->width), after = chunk_count(width);

        for (uint32_t i = width; i < a->width && i % CHUNK != 0; i++)
                node_array_set(a, i, NULL);
        for (uint32_t i = after; i < before; i++)
                chunk_release(a->chunks[i]);
        a->chunks = reallocarray(a->chunks, after ? after : 1, sizeof(struct node_chunk *));
        if (!a->chunks)
                abort();
        for (uint32_t i = before; i < after; i++)
                a->chunks[i] = chunk_new(a);
        a->width = width;
}

struct tree_node *node_array_get(const struct node_array *a, uint32_t node)
{
        return node < a->width ? a->chunks[node / CHUNK]->nodes[node % CHUNK] : NULL;
}

uint32_t key_mark(struct bytes key)
{
        uint32_t mark = 0;
        size_t size = key.size < sizeof(mark) ? key.size : sizeof(mark);

        /* Of its end: points of NIST curves all begin alike. */
        if (size > 0)
                memcpy(&mark, key.data + key.size - size, size);
        return mark;
}

static struct node_summary summarize(const struct tree_node *n, bool is_leaf)
{
        if (!n)
                return (struct node_summary){ 0 };
        if (!is_leaf)
                return (struct node_summary){ .present = true, .encryption_key = key_mark(n->parent.encryption_key) };
        return (struct node_summary){
                .present = true,
                .can_basic = capability_listed(n->leaf.capabilities.credentials, CREDENTIAL_BASIC),
                .can_x509 = capability_listed(n->leaf.capabilities.credentials, CREDENTIAL_X509),
                .credential = n->leaf.credential.type,
                .encryption_key = key_mark(n->leaf.encryption_key),
                .signature_key = key_mark(n->leaf.signature_key),
        };
}

const struct node_summary *node_array_summary(const struct node_array *a, uint32_t node)
{
        return &a->chunks[node / CHUNK]->summaries[node % CHUNK];
}

void node_array_set(struct node_array *a, uint32_t node, struct tree_node *next)
{
        struct node_chunk *c = own(a, node);

        node_release(c->nodes[node % CHUNK]);
        c->nodes[node % CHUNK] = next;
        c->summaries[node % CHUNK] = summarize(next, tree_is_leaf(node));
        c->hashed[node % CHUNK] = false;
}

void node_array_forget_hash(struct node_array *a, uint32_t node)
{
        own(a, node)->hashed[node % CHUNK] = false;
}

const uint8_t *node_array_hash(const struct node_array *a, uint32_t node)
{
        const struct node_chunk *c = a->chunks[node / CHUNK];

        return c->hashed[node % CHUNK] ? c->hashes + node % CHUNK * a->hash_size : NULL;
}

void node_array_note_hash(const struct node_array *a, uint32_t node, const uint8_t *hash)
{
        struct node_chunk *c = a->chunks[node / CHUNK];

        memcpy(c->hashes + node % CHUNK * a->hash_size, hash, a->hash_size);
        c->hashed[node % CHUNK] = true;
}

uint32_t node_array_difference(const struct node_array *a, const struct node_array *b, uint32_t from)
{
        uint32_t width = a->width > b->width ? a->width : b->width;

        while (from < width) {
                if (from % CHUNK == 0 && from < a->width && from < b->width &&
                    a->chunks[from / CHUNK] == b->chunks[from / CHUNK])
                        from += CHUNK;
                else if (node_array_get(a, from) != node_array_get(b, from))
                        return from;
                else
                        from++;
        }
        return NODE_NONE;
}
