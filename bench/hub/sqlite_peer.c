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

struct peer {
        sqlite3 *db;
        sqlite3_stmt *q[Q_COUNT];
};

static void peer_open(struct peer *p, const char *directory)
{
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/peer.db", directory) < 0 ||
            storage_open(path, store_migrations, STORE_MIGRATIONS, &p->db) < 0)
                errx(1, "SQLite does not open a database in %s", directory);
        for (unsigned i = 0; i < Q_COUNT; i++) {
                if (sqlite3_prepare_v3(p->db, store_queries[i], -1, SQLITE_PREPARE_PERSISTENT, &p->q[i], NULL) !=
                    SQLITE_OK)
                        errx(1, "SQLite: %s", sqlite3_errmsg(p->db));
        }
}

static void peer_close(struct peer *p)
{
        for (unsigned i = 0; i < Q_COUNT; i++)
                sqlite3_finalize(p->q[i]);
        storage_close(p->db);
}

static void begin(struct peer *p)
{
        if (storage_begin(p->db) < 0)
                errx(1, "SQLite: %s", sqlite3_errmsg(p->db));
}

static void commit(struct peer *p)
{
        if (storage_commit(p->db) < 0)
                errx(1, "SQLite: %s", sqlite3_errmsg(p->db));
}

/* The @number-th message of all, which is the @sequence-th of its mailbox. */
static void store_one(struct peer *p, int64_t number, int64_t mailbox, int64_t sequence)
{
        static const uint8_t payload[MESSAGE_SIZE];
        uint8_t id[WIRE_MESSAGE_ID_SIZE];
        int64_t now = now_usec();

        order_id((uint64_t) number, id);
        (void) sqlite3_bind_int64(p->q[Q_SENT_ADD], 1, 1);
        (void) sqlite3_bind_blob(p->q[Q_SENT_ADD], 2, id, sizeof(id), SQLITE_STATIC);
        (void) sqlite3_bind_int64(p->q[Q_SENT_ADD], 3, now);
        step(p->db, p->q[Q_SENT_ADD]);
        (void) sqlite3_bind_blob(p->q[Q_BODY_ADD], 1, payload, sizeof(payload), SQLITE_STATIC);
        step(p->db, p->q[Q_BODY_ADD]);
        integers(p->q[Q_ENTRY_ADD], 1, 6,
                 (const int64_t[]){ mailbox, sequence, sqlite3_last_insert_rowid(p->db), MESSAGE_SIZE, 0, now });
        step(p->db, p->q[Q_ENTRY_ADD]);
}

/* What was stored in the group before has been read, and goes. */
static void drop_before(struct peer *p, int64_t last, unsigned group)
{
        integers(p->q[Q_ENTRIES_DROP], 1, 2, (const int64_t[]){ 2, last });
        step(p->db, p->q[Q_ENTRIES_DROP]);
        integers(p->q[Q_BODY_DROP], 1, 2, (const int64_t[]){ last - group + 1, last });
        step(p->db, p->q[Q_BODY_DROP]);
}

struct flow sqlite_peer(const char *directory, unsigned group, double seconds)
{
        struct flow f = { 0 };
        struct peer p;

        peer_open(&p, directory);
        uint64_t start = now_ns(), cpu = cpu_ns();

        while ((f.seconds = (double) (now_ns() - start) / 1e9) < seconds) {
                int64_t last = (int64_t) f.sent;

                begin(&p);
                for (unsigned i = 1; i <= group; i++)
                        store_one(&p, last + i, 2, last + i);
                drop_before(&p, last, group);
                commit(&p);
                f.sent += group;
        }
        f.server_usec = (double) (cpu_ns() - cpu) / 1e3;
        peer_close(&p);
        return f;
}

struct flow sqlite_peer_crowd(const char *directory, unsigned group, unsigned mailboxes, double seconds)
{
        _cleanup_free_ int64_t *sequences = calloc(mailboxes, sizeof(*sequences));
        struct flow f = { 0 };
        struct peer p;

        if (!sequences)
                errx(1, "out of memory");
        peer_open(&p, directory);
        uint64_t start = now_ns(), cpu = cpu_ns(), noise = 1;

        while ((f.seconds = (double) (now_ns() - start) / 1e9) < seconds) {
                begin(&p);
                for (unsigned i = 1; i <= group; i++) {
                        noise = noise * 6364136223846793005 + 1442695040888963407; /* Knuth's MMIX */
                        unsigned mailbox = (unsigned) (noise >> 33) % mailboxes;

                        store_one(&p, (int64_t) f.sent + i, mailbox + 1, ++sequences[mailbox]);
                }
                commit(&p);
                f.sent += group;
        }
        f.server_usec = (double) (cpu_ns() - cpu) / 1e3;
        peer_close(&p);
        return f;
}
