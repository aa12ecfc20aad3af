/* See outbox.h. */
#include "cryptod/conversation/outbox.h"

#include <errno.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"

/* A sealed row, bound to its id: struct { opaque recipients<V>, group<V>; uint64 epoch; opaque content<V>; uint8
 * for_room; } Those of before there were rooms end behind content. */

void envelope_release(struct envelope *e)
{
        secret_free(e->plain);
        *e = (struct envelope){ 0 };
}

/* The number that the row will have, and eight random bytes: the hub remembers ids for a week, in order, and what comes
 * in order costs it a third less. It tells the hub nothing that it does not see. */
static int make_id(struct vault *v, uint8_t id[static ENVELOPE_ID_SIZE])
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'", "");

        if (r >= 0)
                r = storage_step(s);
        if (r < 0)
                return r;
        write_u64(&w, (uint64_t) (r > 0 ? storage_column_integer(s, 0) : 0) + 1);
        r = writer_finish(&w);
        if (r < 0)
                return r;
        memcpy(id, w.data, sizeof(uint64_t));
        random_fill(id + sizeof(uint64_t), ENVELOPE_ID_SIZE - sizeof(uint64_t));
        return 0;
}

int outbox_add(struct vault *v, struct envelope *e)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT;
        struct bytes id = BYTES(e->id, sizeof(e->id));
        int r = make_id(v, e->id);

        if (r < 0)
                return r;
        write_vector(&plain, e->recipients);
        write_vector(&plain, e->group);
        write_u64(&plain, e->epoch);
        write_vector(&plain, e->content);
        write_u8(&plain, e->is_for_room);
        r = writer_finish(&plain);
        if (r >= 0)
                r = vault_seal(v, "outbox", id, writer_bytes(&plain), &sealed);
        if (r >= 0)
                r = storage_run(vault_database(v), "INSERT INTO outbox VALUES (NULL, ?, NULLIF(?, 0), NULLIF(?, 0), ?)",
                                "biib", id, e->membership, (int64_t) e->message, writer_bytes(&sealed));
        return r;
}

static int read_envelope(struct vault *v, sqlite3_stmt *s, struct envelope *out)
{
        _cleanup_(envelope_release) struct envelope e = { 0 };
        struct bytes id = storage_column_bytes(s, 1);
        struct reader reader;
        int r;

        if (id.size != sizeof(e.id))
                return -EBADMSG;
        e.number = (uint64_t) storage_column_integer(s, 0);
        memcpy(e.id, id.data, id.size);
        e.membership = storage_column_integer(s, 2);
        e.message = (uint64_t) storage_column_integer(s, 3);
        r = vault_unseal(v, "outbox", id, storage_column_bytes(s, 4), &e.plain);
        if (r < 0)
                return r;
        reader_init(&reader, secret_bytes(e.plain));
        e.recipients = read_vector(&reader);
        e.group = read_vector(&reader);
        e.epoch = read_u64(&reader);
        e.content = read_vector(&reader);
        e.is_for_room = reader_more(&reader) && read_u8(&reader) != 0;
        r = reader_finish(&reader);
        if (r < 0)
                return r;
        *out = e;
        e.plain = NULL;
        return 1;
}

#define COLUMNS "SELECT number, id, membership, message, content FROM outbox "

int outbox_next(struct vault *v, uint64_t number, struct envelope *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, COLUMNS "WHERE number > ? ORDER BY number LIMIT 1", "i",
                                (int64_t) number);

        if (r >= 0)
                r = storage_step(s);
        return r <= 0 ? r : read_envelope(v, s, out);
}

int outbox_find(struct vault *v, struct bytes id, struct envelope *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, COLUMNS "WHERE id = ?", "b", id);

        if (r >= 0)
                r = storage_step(s);
        return r <= 0 ? r : read_envelope(v, s, out);
}

int outbox_has_message(struct vault *v, uint64_t message, struct bytes id)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT 1 FROM outbox WHERE message = ? AND id <> ? LIMIT 1",
                                "ib", (int64_t) message, id);

        return r < 0 ? r : storage_step(s);
}

int outbox_remove(struct vault *v, struct bytes id)
{
        int r = storage_run(vault_database(v), "UPDATE inbox SET concluded = MAX(concluded, ?)", "b", id);

        return r < 0 ? r : storage_run(vault_database(v), "DELETE FROM outbox WHERE id = ?", "b", id);
}

int outbox_knows(struct vault *v, struct bytes id)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s,
                                "SELECT COALESCE(concluded >= ?1, 1) OR EXISTS (SELECT 1 FROM outbox WHERE id = ?1)"
                                " FROM inbox",
                                "b", id);

        if (r >= 0)
                r = storage_step(s);
        return r <= 0 ? r : storage_column_integer(s, 0) != 0;
}

int outbox_catch_up(struct vault *v, uint64_t queued, struct bytes id)
{
        sqlite3 *db = vault_database(v);
        int r = storage_run(db,
                            "INSERT INTO sqlite_sequence SELECT 'outbox', 0 WHERE NOT EXISTS"
                            " (SELECT 1 FROM sqlite_sequence WHERE name = 'outbox')",
                            "");

        if (r >= 0)
                r = storage_run(db, "UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = 'outbox'", "i",
                                (int64_t) queued);
        return r < 0 ? r : storage_run(db, "UPDATE inbox SET concluded = MAX(concluded, ?)", "b", id);
}
