/* Chunks of files, named by their content and kept once. */
#include "sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

enum { CHUNK_STEP = 64 };

/* What @mailbox's chunks hold. */
static int chunk_bytes_of(struct store *s, int64_t mailbox, int64_t *out)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_CHUNK_OWNER);

        bind_integer(q, 1, mailbox);
        int e = storage_step(q);

        *out = e > 0 ? storage_column_integer(q, 0) : 0;
        return e < 0 ? e : 0;
}

static int add_to_owner(struct store *s, int64_t mailbox, int64_t bytes)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_CHUNK_OWNER_MORE);

        bind_integer(q, 1, mailbox);
        bind_integer(q, 2, bytes);
        return storage_step(q);
}

/* Keeps a chunk for longer that @mailbox counts on from now on. 1, or 0 if there is none. */
static int renew(struct store *s, const uint8_t *name, int64_t mailbox)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_CHUNK_RENEW);

        bind_bytes(q, 1, BYTES(name, CHUNK_NAME_SIZE));
        bind_integer(q, 2, now_usec() + (int64_t) s->limits.chunk_usec);
        bind_integer(q, 3, mailbox);
        int e = storage_step(q);

        return e < 0 ? e : sqlite3_changes(s->db) > 0;
}

static int add_chunk(struct store *s, int64_t mailbox, const struct chunk *c)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_CHUNK_ADD);

        bind_bytes(q, 1, BYTES_OF(c->name));
        bind_integer(q, 2, mailbox);
        bind_integer(q, 3, (int64_t) c->content.size);
        bind_integer(q, 4, now_usec() + (int64_t) s->limits.chunk_usec);
        bind_bytes(q, 5, c->content);
        int e = storage_step(q);

        return e < 0 ? e : add_to_owner(s, mailbox, (int64_t) c->content.size);
}

int store_run_put_chunk(struct store *s, struct store_request *r)
{
        const struct chunk *c = &r->chunk;
        uint8_t name[CHUNK_NAME_SIZE];
        int64_t held;
        int e = chunk_name_of(c->content, name);

        if (e < 0)
                return e;
        if (memcmp(name, c->name, sizeof(name)) != 0) {
                r->result = STORE_MISMATCH;
                return 0;
        }
        e = renew(s, c->name, r->mailbox);
        if (e > 0)
                r->result = STORE_REPEATED;
        if (e == 0)
                e = chunk_bytes_of(s, r->mailbox, &held);
        if (e < 0 || r->result == STORE_REPEATED)
                return e < 0 ? e : 0;
        if (held + (int64_t) c->content.size > s->limits.chunk_bytes) {
                r->result = STORE_QUOTA;
                r->value = (uint64_t) s->limits.chunk_bytes;
                return 0;
        }
        return add_chunk(s, r->mailbox, c);
}

int store_run_have_chunks(struct store *s, struct store_request *r)
{
        size_t count = r->chunk_names.size / CHUNK_NAME_SIZE;
        int e = 0;

        r->there = calloc(1, count);
        if (!r->there)
                return -ENOMEM;
        for (size_t i = 0; i < count && e >= 0; i++) {
                e = renew(s, r->chunk_names.data + i * CHUNK_NAME_SIZE, r->mailbox);
                r->there[i] = e > 0;
        }
        return e < 0 ? e : 0;
}

int store_run_drop_chunks(struct store *s, struct store_request *r)
{
        size_t count = r->chunk_names.size / CHUNK_NAME_SIZE;
        int64_t bytes = 0;

        for (size_t i = 0; i < count; i++) {
                _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_CHUNK_DROP);

                bind_bytes(q, 1, BYTES(r->chunk_names.data + i * CHUNK_NAME_SIZE, CHUNK_NAME_SIZE));
                bind_integer(q, 2, r->mailbox);
                int e = storage_step(q);

                if (e > 0) {
                        bytes += storage_column_integer(q, 0);
                        e = storage_step(q); /* to its end, so that the row is gone for certain */
                }
                if (e < 0)
                        return e;
        }
        return bytes > 0 ? add_to_owner(s, r->mailbox, -bytes) : 0;
}

int store_read_chunk(struct store *s, const uint8_t name[static CHUNK_NAME_SIZE],
                     void (*each)(void *userdata, struct bytes content), void *userdata)
{
        _cleanup_query_ sqlite3_stmt *q = s->chunk;

        bind_bytes(q, 1, BYTES(name, CHUNK_NAME_SIZE));
        int e = storage_step(q);

        if (e <= 0)
                return e < 0 ? e : -ENOENT;
        each(userdata, storage_column_bytes(q, 0));
        return 0;
}

int store_expire_chunks(struct store *s, int64_t now)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int64_t ids[CHUNK_STEP];
        unsigned n = 0;
        int e = storage_prepare(s->db, &q, "select id, owner, size from chunks where until < ? order by until limit ?",
                                "ii", now, (int64_t) CHUNK_STEP);

        while (e >= 0 && (e = storage_step(q)) > 0) {
                ids[n++] = storage_column_integer(q, 0);
                e = add_to_owner(s, storage_column_integer(q, 1), -storage_column_integer(q, 2));
        }
        for (unsigned i = 0; e >= 0 && i < n; i++)
                e = storage_run(s->db, "delete from chunks where id = ?", "i", ids[i]);
        return e < 0 ? e : n == CHUNK_STEP;
}
