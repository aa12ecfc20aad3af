/* See cells.h. */
#include "cryptod/vault/cells.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"

enum { PLACE_SIZE = 512, KEY_SIZE = 32 };

/* A cell that the open transaction has written or erased. */
struct change {
        int64_t id;
        uint64_t before, after; /* versions; equal: it was erased */
        struct secret *key;     /* of @after; NULL if it was erased */
};

struct cells {
        sqlite3 *db;
        int fd;
        struct change *changes;
        size_t count;
};

struct cells *cells_free(struct cells *c)
{
        if (!c)
                return NULL;
        cells_settle(c, TRANSACTION_ROLLED_BACK);
        if (c->fd >= 0) {
                (void) fdatasync(c->fd); /* what was zeroed last */
                close(c->fd);
        }
        free(c);
        return NULL;
}

static off_t place_of(int64_t id, uint64_t version)
{
        return (off_t) (id * 2 + (int64_t) (version & 1)) * PLACE_SIZE;
}

static int write_place(struct cells *c, int64_t id, uint64_t version, const struct secret *key)
{
        _cleanup_secret_ struct secret *zero = key ? NULL : secret_new(KEY_SIZE);
        ssize_t n = pwrite(c->fd, key ? key->data : zero->data, KEY_SIZE, place_of(id, version));

        if (n < 0)
                return -errno;
        return n == KEY_SIZE ? 0 : -ENOSPC;
}

int cells_wipe(struct cells *c)
{
        off_t end = lseek(c->fd, 0, SEEK_END);

        for (int64_t id = 0; (off_t) id * 2 * PLACE_SIZE < end; id++) {
                for (uint64_t version = 0; version < 2; version++) {
                        int r = write_place(c, id, version, NULL);

                        if (r < 0)
                                return r;
                }
        }
        return end < 0 || fdatasync(c->fd) < 0 ? -errno : 0;
}

static int read_place(struct cells *c, int64_t id, uint64_t version, struct secret **out)
{
        _cleanup_secret_ struct secret *key = secret_new(KEY_SIZE);
        ssize_t n = pread(c->fd, key->data, KEY_SIZE, place_of(id, version));

        if (n < 0)
                return -errno;
        if (n != KEY_SIZE)
                return -EBADMSG;
        *out = TAKE(key);
        return 0;
}

/* What a crash between commit and settling has left. */
static int zero_leftovers(struct cells *c)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(c->db, &s, "SELECT id, version, content IS NOT NULL FROM cell", "");

        while (r >= 0 && (r = storage_step(s)) > 0) {
                int64_t id = storage_column_integer(s, 0);
                uint64_t version = (uint64_t) storage_column_integer(s, 1);

                r = write_place(c, id, version + 1, NULL);
                if (r >= 0 && storage_column_integer(s, 2) == 0)
                        r = write_place(c, id, version, NULL);
        }
        return r;
}

int cells_open(sqlite3 *db, const char *path, struct cells **out)
{
        struct cells *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                abort();
        c->db = db;
        c->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        r = c->fd < 0 ? -errno : zero_leftovers(c);
        if (r < 0) {
                cells_free(c);
                return r;
        }
        *out = c;
        return 0;
}

static struct secret *row_key(const struct secret *table_key, const struct secret *cell_key)
{
        return hkdf_sha512(secret_bytes(cell_key), secret_bytes(table_key), BYTES_STRING("visavis cell v1"),
                           SEAL_KEY_SIZE);
}

/* struct { int64 id; uint64 version; opaque owner[]; }: what a content is bound to. */
static void write_binding(int64_t id, uint64_t version, struct bytes owner, struct writer *w)
{
        write_u64(w, (uint64_t) id);
        write_u64(w, version);
        write_fixed(w, owner);
}

static int cell_version(struct cells *c, int64_t id, uint64_t *version, bool *full)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(c->db, &s, "SELECT version, content IS NOT NULL FROM cell WHERE id = ?", "i", id);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        *version = (uint64_t) storage_column_integer(s, 0);
        *full = storage_column_integer(s, 1) != 0;
        return 0;
}

static struct change *find_change(struct cells *c, int64_t id)
{
        for (size_t i = 0; i < c->count; i++) {
                if (c->changes[i].id == id)
                        return &c->changes[i];
        }
        return NULL;
}

/* The change of a cell in this transaction, a new one if there is none yet. */
static int change_of(struct cells *c, int64_t id, struct change **out)
{
        struct change *change = find_change(c, id), *grown;
        uint64_t version;
        bool full;
        int r;

        if (!change) {
                r = cell_version(c, id, &version, &full);
                if (r < 0)
                        return r;
                grown = reallocarray(c->changes, c->count + 1, sizeof(*grown));
                if (!grown)
                        abort();
                c->changes = grown;
                change = &c->changes[c->count++];
                *change = (struct change){ .id = id, .before = version, .after = version };
        }
        *out = change;
        return 0;
}

int cells_new(struct cells *c, int64_t *id)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(c->db, &s, "SELECT id FROM cell WHERE content IS NULL ORDER BY id LIMIT 1", "");

        if (r >= 0)
                r = storage_step(s);
        if (r > 0) {
                *id = storage_column_integer(s, 0);
                return storage_run(c->db, "UPDATE cell SET content = x'' WHERE id = ?", "i", *id);
        }
        if (r >= 0)
                r = storage_run(c->db, "INSERT INTO cell VALUES (NULL, 0, x'')", "");
        if (r >= 0)
                *id = sqlite3_last_insert_rowid(c->db);
        return r;
}

int cells_write(struct cells *c, const struct secret *table_key, int64_t id, struct bytes owner, struct bytes content)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT, binding = WRITER_INIT;
        struct change *change;
        int r = change_of(c, id, &change);

        if (r < 0)
                return r;
        if (!change->key) {
                /* One key for all contents that one transaction gives a cell: the place of the version before must
                 * stay whole until it has committed. */
                change->after = change->before + 1;
                change->key = secret_random(KEY_SIZE);
                r = write_place(c, id, change->after, change->key);
                if (r < 0)
                        return r;
        }
        _cleanup_secret_ struct secret *key = row_key(table_key, change->key);

        write_binding(id, change->after, owner, &binding);
        r = seal(key, writer_bytes(&binding), content, &sealed);
        if (r < 0)
                return r;
        return storage_run(c->db, "UPDATE cell SET version = ?, content = ? WHERE id = ?", "ibi",
                           (int64_t) change->after, writer_bytes(&sealed), id);
}

int cells_erase(struct cells *c, int64_t id)
{
        struct change *change;
        int r = change_of(c, id, &change);

        if (r < 0)
                return r;
        return storage_run(c->db, "UPDATE cell SET content = NULL WHERE id = ?", "i", id);
}

int cells_read(struct cells *c, const struct secret *table_key, int64_t id, struct bytes owner, struct secret **out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_writer_ struct writer binding = WRITER_INIT;
        _cleanup_secret_ struct secret *cell_key = NULL;
        uint64_t version;
        int r = storage_prepare(c->db, &s, "SELECT version, content FROM cell WHERE id = ? AND content IS NOT NULL",
                                "i", id);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        version = (uint64_t) storage_column_integer(s, 0);
        r = read_place(c, id, version, &cell_key);
        if (r < 0)
                return r;
        _cleanup_secret_ struct secret *key = row_key(table_key, cell_key);

        write_binding(id, version, owner, &binding);
        return unseal(key, writer_bytes(&binding), storage_column_bytes(s, 1), out);
}

int cells_sync(struct cells *c)
{
        if (c->count == 0)
                return 0;
        return fdatasync(c->fd) < 0 ? -errno : 0;
}

void cells_settle(struct cells *c, enum transaction_end end)
{
        for (size_t i = 0; i < c->count; i++) {
                struct change *change = &c->changes[i];
                uint64_t version;
                bool full;

                if (end == TRANSACTION_COMMITTED) {
                        /* The old key in any case; the new one as well if the cell was emptied after it was written. */
                        (void) write_place(c, change->id, change->before, NULL);
                        if (change->key && cell_version(c, change->id, &version, &full) >= 0 && !full)
                                (void) write_place(c, change->id, change->after, NULL);
                } else if (end == TRANSACTION_ROLLED_BACK && change->key) {
                        (void) write_place(c, change->id, change->after, NULL);
                }
                secret_free(change->key);
        }
        free(c->changes);
        c->changes = NULL;
        c->count = 0;
}
