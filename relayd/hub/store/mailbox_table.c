/* See mailbox_table.h. */
#include "mailbox_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/seal.h"

enum { BUCKETS = 65536 };

struct mailbox_table {
        struct mailbox *names[BUCKETS], *ids[BUCKETS], *dirty;
        uint64_t seed; /* names are chosen by strangers */
        unsigned count;
};

static struct mailbox **name_bucket(struct mailbox_table *t, struct bytes name)
{
        uint64_t hash = t->seed;

        for (size_t i = 0; i < name.size; i++) {
                hash = (hash ^ name.data[i]) * 0x9e3779b97f4a7c15;
                hash ^= hash >> 29;
        }
        return &t->names[hash % BUCKETS];
}

static struct mailbox **id_bucket(struct mailbox_table *t, int64_t id)
{
        return &t->ids[(uint64_t) id % BUCKETS];
}

int mailbox_table_new(struct mailbox_table **out)
{
        struct mailbox_table *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        random_fill(&t->seed, sizeof(t->seed));
        *out = t;
        return 0;
}

struct mailbox_table *mailbox_table_free(struct mailbox_table *t)
{
        if (t)
                mailbox_table_clear(t);
        free(t);
        return NULL;
}

struct mailbox *mailbox_by_name(struct mailbox_table *t, struct bytes name)
{
        struct mailbox *m = *name_bucket(t, name);

        while (m && !bytes_equal(BYTES_STRING(m->name), name))
                m = m->same_name;
        return m;
}

struct mailbox *mailbox_by_id(struct mailbox_table *t, int64_t id)
{
        struct mailbox *m = *id_bucket(t, id);

        while (m && m->id != id)
                m = m->same_id;
        return m;
}

struct mailbox *mailbox_add(struct mailbox_table *t, const struct mailbox *m)
{
        struct mailbox **names = name_bucket(t, BYTES_STRING(m->name)), **ids = id_bucket(t, m->id);
        struct mailbox *added = malloc(sizeof(*added));

        if (!added)
                return NULL;
        *added = *m;
        added->dirty = false;
        added->same_name = *names;
        added->same_id = *ids;
        *names = *ids = added;
        t->count++;
        return added;
}

void mailbox_touch(struct mailbox_table *t, struct mailbox *m)
{
        if (m->dirty)
                return;
        m->dirty = true;
        m->next_dirty = t->dirty;
        t->dirty = m;
}

struct mailbox *mailbox_take_dirty(struct mailbox_table *t)
{
        struct mailbox *m = t->dirty;

        if (m) {
                t->dirty = m->next_dirty;
                m->dirty = false;
        }
        return m;
}

void mailbox_forget(struct mailbox_table *t, struct mailbox *m)
{
        struct mailbox **p;

        for (p = name_bucket(t, BYTES_STRING(m->name)); *p != m; p = &(*p)->same_name)
                continue;
        *p = m->same_name;
        for (p = id_bucket(t, m->id); *p != m; p = &(*p)->same_id)
                continue;
        *p = m->same_id;
        for (p = &t->dirty; m->dirty && *p; p = &(*p)->next_dirty) {
                if (*p == m) {
                        *p = m->next_dirty;
                        break;
                }
        }
        t->count--;
        free(m);
}

void mailbox_table_clear(struct mailbox_table *t)
{
        for (unsigned i = 0; i < BUCKETS; i++) {
                while (t->ids[i]) {
                        struct mailbox *m = t->ids[i];

                        t->ids[i] = m->same_id;
                        free(m);
                }
                t->names[i] = NULL;
        }
        t->dirty = NULL;
        t->count = 0;
}

bool mailbox_table_is_full(const struct mailbox_table *t)
{
        return t->count >= MAILBOX_TABLE_MAX;
}
