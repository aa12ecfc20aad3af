/* See sqlite_peer.h. */
#include "bench/hub/sqlite_peer.h"

#include <err.h>
#include <stdlib.h>

#include "bench/stopwatch.h"
#include "relayd/hub/store/sqlite.h"
#include "services/cleanup.h"

static void step(sqlite3 *db, sqlite3_stmt *q)
{
        int r;

        while ((r = sqlite3_step(q)) == SQLITE_ROW)
                continue;
        if (r != SQLITE_DONE || sqlite3_reset(q) != SQLITE_OK)
                errx(1, "SQLite: %s", sqlite3_errmsg(db));
}

static void integers(sqlite3_stmt *q, int first, unsigned count, const int64_t *values)
{
        for (unsigned i = 0; i < count; i++)
                (void) sqlite3_bind_int64(q, first + (int) i, values[i]);
}

static void store_one(sqlite3 *db, sqlite3_stmt *const *q, int64_t sequence, int64_t now)
{
        static const uint8_t payload[MESSAGE_SIZE];
        uint8_t id[WIRE_MESSAGE_ID_SIZE];

        order_id((uint64_t) sequence, id);
        (void) sqlite3_bind_int64(q[Q_SENT_ADD], 1, 1);
        (void) sqlite3_bind_blob(q[Q_SENT_ADD], 2, id, sizeof(id), SQLITE_STATIC);
        (void) sqlite3_bind_int64(q[Q_SENT_ADD], 3, now);
        step(db, q[Q_SENT_ADD]);
        (void) sqlite3_bind_blob(q[Q_BODY_ADD], 1, payload, sizeof(payload), SQLITE_STATIC);
        step(db, q[Q_BODY_ADD]);
        integers(q[Q_ENTRY_ADD], 1, 6,
                 (const int64_t[]){ 2, sequence, sqlite3_last_insert_rowid(db), MESSAGE_SIZE, 0, now });
        step(db, q[Q_ENTRY_ADD]);
}

/* What was stored in the group before has been read, and goes. */
static void drop_before(sqlite3 *db, sqlite3_stmt *const *q, int64_t last, unsigned group)
{
        integers(q[Q_ENTRIES_DROP], 1, 2, (const int64_t[]){ 2, last });
        step(db, q[Q_ENTRIES_DROP]);
        integers(q[Q_BODY_DROP], 1, 2, (const int64_t[]){ last - group + 1, last });
        step(db, q[Q_BODY_DROP]);
        integers(q[Q_MAILBOX_SAVE], 1, 4, (const int64_t[]){ 2, last + group, group, group * MESSAGE_SIZE });
        step(db, q[Q_MAILBOX_SAVE]);
}

static void run_group(sqlite3 *db, sqlite3_stmt *const *q, int64_t first, unsigned group)
{
        int64_t now = now_usec();

        if (storage_begin(db) < 0)
                errx(1, "SQLite: %s", sqlite3_errmsg(db));
        for (unsigned i = 0; i < group; i++)
                store_one(db, q, first + i, now);
        drop_before(db, q, first - 1, group);
        if (storage_commit(db) < 0)
                errx(1, "SQLite: %s", sqlite3_errmsg(db));
}

struct flow sqlite_peer(const char *directory, unsigned group, double seconds)
{
        _cleanup_free_ char *path = NULL;
        sqlite3_stmt *q[Q_COUNT];
        struct flow f = { 0 };
        sqlite3 *db;

        if (asprintf(&path, "%s/peer.db", directory) < 0 ||
            storage_open(path, store_migrations, STORE_MIGRATIONS, &db) < 0)
                errx(1, "SQLite does not open a database in %s", directory);
        for (unsigned i = 0; i < Q_COUNT; i++) {
                if (sqlite3_prepare_v3(db, store_queries[i], -1, SQLITE_PREPARE_PERSISTENT, &q[i], NULL) != SQLITE_OK)
                        errx(1, "SQLite: %s", sqlite3_errmsg(db));
        }
        uint64_t start = now_ns(), cpu = cpu_ns();

        while ((f.seconds = (double) (now_ns() - start) / 1e9) < seconds) {
                run_group(db, q, (int64_t) f.sent + 1, group);
                f.sent += group;
        }
        f.server_usec = (double) (cpu_ns() - cpu) / 1e3;
        for (unsigned i = 0; i < Q_COUNT; i++)
                sqlite3_finalize(q[i]);
        storage_close(db);
        return f;
}
