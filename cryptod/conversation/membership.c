/* See membership.h. */
#include "cryptod/conversation/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/storage.h"

/* A cell: struct { opaque group<V>; opaque pending[16]; opaque welcome<V>; uint32 messages; } */

static int write_state(const struct membership *m, struct writer *w)
{
        size_t mark = writer_open_vector(w);

        group_write(m->group, w);
        writer_close_vector(w, mark);
        write_fixed(w, BYTES_OF(m->pending));
        write_vector(w, writer_bytes(&m->welcome));
        write_u32(w, m->messages);
        return writer_finish(w);
}

int membership_add(struct vault *v, struct membership *m, struct bytes conversation)
{
        _cleanup_writer_ struct writer state = WRITER_INIT;
        int r = write_state(m, &state);

        if (r >= 0)
                r = vault_cell_new(v, writer_bytes(&state), &m->cell);
        if (r >= 0)
                r = storage_run(vault_database(v), "INSERT INTO membership VALUES (?, ?)", "ib", m->cell, conversation);
        return r;
}

int membership_store(struct vault *v, const struct membership *m)
{
        _cleanup_writer_ struct writer state = WRITER_INIT;
        int r = write_state(m, &state);

        return r < 0 ? r : vault_cell_write(v, m->cell, writer_bytes(&state));
}

int membership_load(struct vault *v, struct membership *m)
{
        _cleanup_secret_ struct secret *state = NULL;
        struct reader reader, inner;
        struct bytes pending;
        int r;

        m->group = group_free(m->group);
        writer_release(&m->welcome);
        r = vault_cell_read(v, m->cell, &state);
        if (r < 0)
                return r;
        reader_init(&reader, secret_bytes(state));
        inner = read_vector_open(&reader);
        r = group_read(&inner, &m->group);
        if (r < 0)
                return r;
        reader_close_vector(&reader, &inner);
        pending = read_fixed(&reader, sizeof(m->pending));
        if (pending.size == sizeof(m->pending))
                memcpy(m->pending, pending.data, pending.size);
        write_fixed(&m->welcome, read_vector(&reader));
        m->messages = read_u32(&reader);
        r = reader_finish(&reader);
        if (r >= 0)
                r = writer_finish(&m->welcome);
        if (r < 0)
                m->group = group_free(m->group);
        return r;
}

int membership_erase(struct vault *v, const struct membership *m)
{
        int r = storage_run(vault_database(v), "DELETE FROM membership WHERE cell = ?", "i", m->cell);

        return r < 0 ? r : vault_cell_erase(v, m->cell);
}

struct membership *membership_free(struct membership *m)
{
        if (!m)
                return NULL;
        group_free(m->group);
        writer_release(&m->welcome);
        free(m);
        return NULL;
}

struct bytes membership_group_id(const struct membership *m)
{
        return group_epoch(m->group)->context.group_id;
}

uint64_t membership_epoch(const struct membership *m)
{
        return group_epoch(m->group)->context.epoch;
}

const struct leaf_node *membership_other(const struct membership *m)
{
        const struct epoch *e = group_epoch(m->group);

        for (uint32_t i = 0; i < e->tree.leaves; i++) {
                const struct leaf_node *leaf = i == e->keys.leaf ? NULL : ratchet_tree_leaf(&e->tree, i);

                if (leaf)
                        return leaf;
        }
        return NULL;
}

bool membership_ready(const struct membership *m)
{
        return m->group && membership_other(m) != NULL;
}

bool membership_is_pair(const struct membership *m)
{
        return group_epoch(m->group)->tree.leaves == 2 && membership_ready(m);
}
