/* Chunks of files, named by their content and kept once. The rows are here, the contents in the segments: a chunk in a
 * row would be written twice, a page at a time. */
#include "sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

enum { CHUNK_STEP = 64, GONE_STEP = 256 };

/* What @mailbox's chunks hold. */
static int chunk_bytes_of(struct store *s, int64_t mailbox, int64_t *out)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_CHUNK_OWNER);

        bind_integer(q, 1, mailbox);
        int e = storage_step(q);

        *out = e > 0 ? storage_column_integer(q, 0) : 0;
        return e < 0 ? e : 0;
}

int store_open_segments(struct store *s, const char *directory)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(
                s->db, &q, "select place + size from chunks where place is not null order by place desc limit 1", "");

        if (e >= 0)
                e = storage_step(q);
        if (e < 0)
                return e;
        s->content = malloc(CHUNK_SIZE_MAX);
        return s->content ? segments_open(directory, e > 0 ? storage_column_integer(q, 0) : 0, &s->segments) : -ENOMEM;
}

int store_sync_chunks(struct store *s)
{
        return segments_sync(s->segments);
}

void store_forget_gone(struct store *s, bool committed)
{
        for (unsigned i = 0; committed && i < s->gone_count; i++)
                segments_drop(s->segments, s->gone[i].place, s->gone[i].size);
        if (committed && s->lowest > 0)
                segments_drop_below(s->segments, s->lowest);
        s->gone_count = 0;
        s->lowest = 0;
        if (!committed)
                segments_rewind(s->segments);
}

/* What is not noted here for lack of memory comes back with its segment. */
static void note_gone(struct store *s, sqlite3_stmt *q, int place, int64_t size)
{
        struct place *more;

        if (sqlite3_column_type(q, place) == SQLITE_NULL)
                return;
        if (s->gone_count % GONE_STEP == 0) {
                more = realloc(s->gone, (s->gone_count + GONE_STEP) * sizeof(*more));
                if (!more)
                        return;
                s->gone = more;
        }
        s->gone[s->gone_count++] = (struct place){ storage_column_integer(q, place), size };
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

static int add_chunk(struct store *s, int64_t mailbox, const struct chunk *c, int64_t place)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_CHUNK_ADD);

        bind_bytes(q, 1, BYTES_OF(c->name));
        bind_integer(q, 2, mailbox);
        bind_integer(q, 3, (int64_t) c->content.size);
        bind_integer(q, 4, now_usec() + (int64_t) s->limits.chunk_usec);
        bind_integer(q, 5, place);
        int e = storage_step(q);

        return e < 0 ? e : add_to_owner(s, mailbox, (int64_t) c->content.size);
}

int store_run_put_chunk(struct store *s, struct store_request *r)
{
        const struct chunk *c = &r->chunk;
        uint8_t name[CHUNK_NAME_SIZE];
        int64_t held, place;
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
        if (segments_append(s->segments, c->content, &place) < 0) {
                r->result = STORE_FAILED; /* this one alone: what needs no segment may still find room */
                return 0;
        }
        return add_chunk(s, r->mailbox, c, place);
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
                        int64_t size = storage_column_integer(q, 0);

                        bytes += size;
                        note_gone(s, q, 1, size);
                        e = storage_step(q); /* to its end, so that the row is gone for certain */
                }
                if (e < 0)
                        return e;
        }
        return bytes > 0 ? add_to_owner(s, r->mailbox, -bytes) : 0;
}

/* 1, with the place if it is in a segment, else -1, and the size; 0 if there is no such chunk. */
static int find_chunk(sqlite3_stmt *q, const uint8_t *name, struct place *out)
{
        bind_bytes(q, 1, BYTES(name, CHUNK_NAME_SIZE));
        int e = storage_step(q);

        if (e > 0)
                *out = (struct place){ sqlite3_column_type(q, 1) == SQLITE_NULL ? -1 : storage_column_integer(q, 1),
                                       storage_column_integer(q, 2) };
        return e;
}

int store_read_chunk(struct store *s, const uint8_t name[static CHUNK_NAME_SIZE],
                     void (*each)(void *userdata, struct bytes content), void *userdata)
{
        _cleanup_query_ sqlite3_stmt *q = s->chunk;
        struct place at, still;
        int e = find_chunk(q, name, &at);

        if (e > 0 && at.place < 0)
                each(userdata, storage_column_bytes(q, 0));
        if (e <= 0 || at.place < 0)
                return e > 0 ? 0 : e < 0 ? e : -ENOENT;
        if (at.size > CHUNK_SIZE_MAX)
                return -EBADMSG;
        sqlite3_reset(q);
        e = segments_read(s->segments, at.place, s->content, (size_t) at.size);

        /* If it was dropped meanwhile, what was read is something else; if its row is still there, it was not. */
        int there = find_chunk(q, name, &still);

        if (there <= 0 || still.place != at.place)
                return there < 0 ? there : -ENOENT;
        if (e >= 0)
                each(userdata, BYTES(s->content, (size_t) at.size));
        return e;
}

static int embed(const struct segments *segments, sqlite3 *copy, sqlite3_stmt *q, uint8_t *content)
{
        int64_t id = storage_column_integer(q, 0), size = storage_column_integer(q, 2);
        struct bytes name = storage_column_bytes(q, 3);
        uint8_t found[CHUNK_NAME_SIZE];

        if (size <= CHUNK_SIZE_MAX &&
            segments_read(segments, storage_column_integer(q, 1), content, (size_t) size) >= 0 &&
            chunk_name_of(BYTES(content, size), found) >= 0 && bytes_equal(BYTES_OF(found), name))
                return storage_run(copy, "update chunks set content = ?, place = null where id = ?", "bi",
                                   BYTES(content, size), id);
        return storage_run(copy, "delete from chunks where id = ?", "i", id); /* dropped since the copy's moment */
}

int store_embed_chunks(const struct segments *segments, sqlite3 *copy)
{
        _cleanup_free_ uint8_t *content = malloc(CHUNK_SIZE_MAX);
        int e = content ? 1 : -ENOMEM;

        while (e > 0) {
                _cleanup_statement_ sqlite3_stmt *q = NULL;

                e = storage_prepare(copy, &q,
                                    "select id, place, size, name from chunks where place is not null limit 1", "");
                if (e >= 0)
                        e = storage_step(q);
                if (e > 0) {
                        int r = embed(segments, copy, q, content);

                        e = r < 0 ? r : 1;
                }
        }
        return e;
}

static int find_lowest(struct store *s)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(s->db, &q, "select ifnull(min(place), ?) from chunks where place is not null", "i",
                                INT64_MAX);

        if (e >= 0)
                e = storage_step(q);
        if (e > 0)
                s->lowest = storage_column_integer(q, 0);
        return e < 0 ? e : 0;
}

int store_expire_chunks(struct store *s, int64_t now)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int64_t ids[CHUNK_STEP];
        unsigned n = 0;
        int e = storage_prepare(s->db, &q,
                                "select id, owner, size, place from chunks where until < ? order by until limit ?",
                                "ii", now, (int64_t) CHUNK_STEP);

        while (e >= 0 && (e = storage_step(q)) > 0) {
                ids[n++] = storage_column_integer(q, 0);
                note_gone(s, q, 3, storage_column_integer(q, 2));
                e = add_to_owner(s, storage_column_integer(q, 1), -storage_column_integer(q, 2));
        }
        for (unsigned i = 0; e >= 0 && i < n; i++)
                e = storage_run(s->db, "delete from chunks where id = ?", "i", ids[i]);
        if (e >= 0 && n < CHUNK_STEP)
                e = find_lowest(s);
        return e < 0 ? e : n == CHUNK_STEP;
}
