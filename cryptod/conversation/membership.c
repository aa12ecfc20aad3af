/* See membership.h. */
#include "cryptod/conversation/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/group_disk.h"
#include "services/cleanup.h"
#include "services/storage.h"

/* A sealed row: struct { opaque pending[16]; uint32 messages; }; the Welcome is one of its own. Both are bound to the
 * id. */

static int seal_for(struct vault *v, const char *table, int64_t id, struct bytes content, struct writer *out)
{
        _cleanup_writer_ struct writer row = WRITER_INIT;

        write_u64(&row, (uint64_t) id);
        return vault_seal(v, table, writer_bytes(&row), content, out);
}

static int unseal_for(struct vault *v, const char *table, int64_t id, struct bytes sealed, struct secret **out)
{
        _cleanup_writer_ struct writer row = WRITER_INIT;

        write_u64(&row, (uint64_t) id);
        return vault_unseal(v, table, writer_bytes(&row), sealed, out);
}

static void note_stored(struct membership *m)
{
        memcpy(m->stored.pending, m->pending, sizeof(m->pending));
        m->stored.messages = m->messages;
}

static bool is_stored(const struct membership *m)
{
        return m->stored.messages == m->messages && bytes_equal(BYTES_OF(m->stored.pending), BYTES_OF(m->pending));
}

static int store_row(struct vault *v, struct membership *m)
{
        _cleanup_writer_ struct writer content = WRITER_INIT, sealed = WRITER_INIT;
        int r;

        write_fixed(&content, BYTES_OF(m->pending));
        write_u32(&content, m->messages);
        r = seal_for(v, "membership", m->id, writer_bytes(&content), &sealed);
        if (r >= 0)
                r = storage_run(vault_database(v), "UPDATE membership SET content = ? WHERE id = ?", "bi",
                                writer_bytes(&sealed), m->id);
        if (r >= 0)
                note_stored(m);
        return r;
}

static int store_welcome(struct vault *v, const struct membership *m)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        int r = seal_for(v, "welcome", m->id, writer_bytes(&m->welcome), &sealed);

        return r < 0 ? r
                     : storage_run(vault_database(v), "INSERT INTO welcome VALUES (?, ?)", "ib", m->id,
                                   writer_bytes(&sealed));
}

int membership_add(struct vault *v, struct membership *m, struct bytes conversation)
{
        int r = storage_run(vault_database(v), "INSERT INTO membership VALUES (NULL, ?, x'')", "b", conversation);

        if (r < 0)
                return r;
        m->id = sqlite3_last_insert_rowid(vault_database(v));
        r = store_row(v, m);
        if (r >= 0 && m->welcome.size > 0)
                r = store_welcome(v, m);
        return r < 0 ? r : group_disk_save(v, m->id, m->group);
}

int membership_store(struct vault *v, struct membership *m)
{
        int r = is_stored(m) ? 0 : store_row(v, m);

        if (r >= 0 && m->welcome.size == 0)
                r = storage_run(vault_database(v), "DELETE FROM welcome WHERE membership = ?", "i", m->id);
        return r < 0 ? r : group_disk_save(v, m->id, m->group);
}

static int load_row(struct vault *v, struct membership *m)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_secret_ struct secret *content = NULL;
        struct reader reader;
        struct bytes pending;
        int r = storage_prepare(vault_database(v), &s, "SELECT content FROM membership WHERE id = ?", "i", m->id);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = unseal_for(v, "membership", m->id, storage_column_bytes(s, 0), &content);
        if (r < 0)
                return r;
        reader_init(&reader, secret_bytes(content));
        pending = read_fixed(&reader, sizeof(m->pending));
        m->messages = read_u32(&reader);
        if (reader_finish(&reader) < 0)
                return -EBADMSG;
        memcpy(m->pending, pending.data, pending.size);
        note_stored(m);
        return 0;
}

static int load_welcome(struct vault *v, struct membership *m)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_secret_ struct secret *content = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT content FROM welcome WHERE membership = ?", "i", m->id);

        writer_release(&m->welcome);
        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        r = unseal_for(v, "welcome", m->id, storage_column_bytes(s, 0), &content);
        write_fixed(&m->welcome, secret_bytes(content));
        return r < 0 ? r : writer_finish(&m->welcome);
}

int membership_load(struct vault *v, struct membership *m)
{
        int r;

        m->group = group_free(m->group);
        r = group_disk_load(v, m->id, &m->group);
        if (r >= 0)
                r = load_row(v, m);
        if (r >= 0)
                r = load_welcome(v, m);
        if (r < 0)
                m->group = group_free(m->group);
        return r;
}

int membership_erase(struct vault *v, const struct membership *m)
{
        int r = group_disk_erase(v, m->id);

        if (r >= 0)
                r = storage_run(vault_database(v), "DELETE FROM welcome WHERE membership = ?", "i", m->id);
        return r < 0 ? r : storage_run(vault_database(v), "DELETE FROM membership WHERE id = ?", "i", m->id);
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
