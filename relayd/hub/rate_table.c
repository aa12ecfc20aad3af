/* See rate_table.h. */
#include "rate_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "services/seal.h"

enum { PROBES = 8 };

struct bucket {
        uint64_t key;     /* a hash, with a seed that nobody knows: two keys in one bucket are no matter */
        uint64_t full_at; /* when it is full again */
};

struct rate_table {
        uint64_t count, usec; /* so many in so long; count 0: no limit */
        uint64_t burst_usec;
        uint64_t seed;
        unsigned size;
        struct bucket buckets[];
};

/* How long it takes for @n to come back. */
static uint64_t usec_of(const struct rate_table *t, uint64_t n)
{
        return t->count > 0 ? n * t->usec / t->count : 0;
}

int rate_table_new(uint64_t count, uint64_t usec, uint64_t burst, unsigned size, struct rate_table **out)
{
        assert(size >= PROBES && (size & (size - 1)) == 0);
        struct rate_table *t = calloc(1, sizeof(*t) + (count > 0 ? size : 0) * sizeof(struct bucket));

        if (!t)
                return -ENOMEM;
        t->count = count;
        t->usec = usec;
        t->burst_usec = usec_of(t, burst);
        t->size = size;
        random_fill(&t->seed, sizeof(t->seed));
        *out = t;
        return 0;
}

struct rate_table *rate_table_free(struct rate_table *t)
{
        free(t);
        return NULL;
}

static uint64_t hash(const struct rate_table *t, struct bytes key)
{
        uint64_t h = t->seed;

        for (size_t i = 0; i < key.size; i++) {
                h = (h ^ key.data[i]) * 0x9e3779b97f4a7c15;
                h ^= h >> 29;
        }
        return h;
}

/* The key's bucket; a new one in the place of the fullest of a few, if it has none. */
static struct bucket *bucket_of(struct rate_table *t, struct bytes key, uint64_t now_usec)
{
        uint64_t h = hash(t, key);
        struct bucket *b = &t->buckets[h & (t->size - 1)];

        for (unsigned i = 0; i < PROBES; i++) {
                struct bucket *other = &t->buckets[(h + i) & (t->size - 1)];

                if (other->key == h) {
                        b = other;
                        break;
                }
                if (other->full_at < b->full_at)
                        b = other;
        }
        if (b->key != h || b->full_at < now_usec)
                *b = (struct bucket){ .key = h, .full_at = now_usec };
        return b;
}

uint64_t rate_table_take(struct rate_table *t, struct bytes key, uint64_t now_usec)
{
        if (t->count == 0)
                return 0;

        struct bucket *b = bucket_of(t, key, now_usec);
        uint64_t full_at = b->full_at + usec_of(t, 1), limit = now_usec + t->burst_usec;

        if (full_at > limit)
                return full_at - limit;
        b->full_at = full_at;
        return 0;
}

uint64_t rate_table_charge(struct rate_table *t, struct bytes key, uint64_t n, uint64_t now_usec)
{
        if (t->count == 0)
                return 0;

        struct bucket *b = bucket_of(t, key, now_usec);
        uint64_t limit = now_usec + t->burst_usec;

        b->full_at += usec_of(t, n);
        return b->full_at > limit ? b->full_at - limit : 0;
}
