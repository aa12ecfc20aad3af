/* Chunks of files, named by their content and kept once. */
#include "sqlite.h"

#include <errno.h>
#include <openssl/evp.h>
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

int store_run_put_chunk(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *renew = store_query(s, Q_CHUNK_RENEW), *add = store_query(s, Q_CHUNK_ADD),
                                     *more = store_query(s, Q_CHUNK_OWNER_MORE);
        int64_t until = now_usec() + (int64_t) s->limits.chunk_usec, held;
        uint8_t name[STORE_CHUNK_NAME_SIZE];
        unsigned size = sizeof(name);
        int e;

        if (EVP_Digest(r->chunk.data, r->chunk.size, name, &size, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        if (memcmp(name, r->chunk_name, sizeof(name)) != 0) {
                r->result = STORE_MISMATCH;
                return 0;
        }
        bind_bytes(renew, 1, BYTES_OF(name));
        bind_integer(renew, 2, until);
        e = storage_step(renew);
        if (e < 0)
                return e;
        if (sqlite3_changes(s->db) > 0) {
                r->result = STORE_REPEATED;
                return 0;
        }
        e = chunk_bytes_of(s, r->mailbox, &held);
        if (e < 0)
                return e;
        if (held + (int64_t) r->chunk.size > s->limits.chunk_bytes) {
                r->result = STORE_QUOTA;
                r->value = (uint64_t) s->limits.chunk_bytes;
                return 0;
        }
        bind_bytes(add, 1, BYTES_OF(name));
        bind_integer(add, 2, r->mailbox);
        bind_integer(add, 3, (int64_t) r->chunk.size);
        bind_integer(add, 4, until);
        bind_bytes(add, 5, r->chunk);
        e = storage_step(add);
        bind_integer(more, 1, r->mailbox);
        bind_integer(more, 2, (int64_t) r->chunk.size);
        return e < 0 ? e : storage_step(more);
}

int store_read_chunk(struct store *s, const uint8_t name[static STORE_CHUNK_NAME_SIZE], uint8_t **out, size_t *size)
{
        _cleanup_query_ sqlite3_stmt *q = s->chunk;

        bind_bytes(q, 1, BYTES(name, STORE_CHUNK_NAME_SIZE));
        int e = storage_step(q);

        if (e <= 0)
                return e < 0 ? e : -ENOENT;
        struct bytes content = storage_column_bytes(q, 0);
        uint8_t *copy = malloc(content.size ? content.size : 1);

        if (!copy)
                return -ENOMEM;
        if (content.size > 0)
                memcpy(copy, content.data, content.size);
        *out = copy;
        *size = content.size;
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
                _cleanup_query_ sqlite3_stmt *less = store_query(s, Q_CHUNK_OWNER_MORE);

                ids[n++] = storage_column_integer(q, 0);
                bind_integer(less, 1, storage_column_integer(q, 1));
                bind_integer(less, 2, -storage_column_integer(q, 2));
                e = storage_step(less);
        }
        for (unsigned i = 0; e >= 0 && i < n; i++)
                e = storage_run(s->db, "delete from chunks where id = ?", "i", ids[i]);
        return e < 0 ? e : n == CHUNK_STEP;
}
