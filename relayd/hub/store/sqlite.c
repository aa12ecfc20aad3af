/* The embedded engine of store.h: SQLite in WAL mode with synchronous=FULL.
 *
 * Payloads are appended to one table by integer key, once for any number of receivers; a mailbox is a narrow index into
 * it. Who the sender of a payload was is not stored with it. The log is folded back into the file by a thread of its
 * own, so that no answer waits for that. Here a batch is run; what each request does stands in the files beside this
 * one. */
#include "sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/log.h"

void store_set_subject(struct store_request *r, struct bytes name)
{
        size_t n = name.size < sizeof(r->subject) - 1 ? name.size : sizeof(r->subject) - 1;

        memcpy(r->subject, name.data, n);
        r->subject[n] = '\0';
}

/* What the largest was is remembered for good. */
static int expire_sent(struct store *s, int64_t before)
{
#define EXPIRED "received < ? and id in (select id from sent order by id limit 5000)"
        int e = storage_run(s->db,
                            "update mailboxes set sent = max(coalesce(sent, x''), e.largest) from"
                            " (select mailbox, max(message) as largest from sent where " EXPIRED
                            " group by mailbox) e where mailboxes.id = e.mailbox",
                            "i", before);

        return e < 0 ? e : storage_run(s->db, "delete from sent where " EXPIRED, "i", before);
}

static int run_expire(struct store *s, struct store_request *r)
{
        int64_t now = (int64_t) r->now_usec;
        int more = store_expire_entries(s, now), e = more;

        if (e >= 0)
                e = expire_sent(s, now - (int64_t) s->limits.idempotency_usec);
        if (e >= 0)
                e = storage_run(s->db, "delete from groups where changed < ?", "i",
                                now - (int64_t) s->limits.group_usec);
        if (e >= 0)
                e = storage_run(s->db, "delete from accounts where deleted < ?", "i",
                                now - (int64_t) s->limits.name_usec);
        if (e >= 0)
                e = store_expire_invitations(s, now);
        int chunks = e < 0 ? e : store_expire_chunks(s, now);

        r->more = more > 0 || chunks > 0;
        return chunks < 0 ? chunks : e;
}

static int run_one(struct store *s, struct store_request *r)
{
        static int (*const table[])(struct store *, struct store_request *) = {
                [STORE_REGISTER] = store_run_register,
                [STORE_LOOK_UP] = store_run_look_up,
                [STORE_PUBLISH] = store_run_publish,
                [STORE_CLAIM] = store_run_claim,
                [STORE_SEND] = store_run_send,
                [STORE_ACK] = store_run_ack,
                [STORE_EXPIRE] = run_expire,
                [STORE_INVITE] = store_run_invite,
                [STORE_DELETE] = store_run_delete,
                [STORE_PUT_CHUNK] = store_run_put_chunk,
                [STORE_HAVE_CHUNKS] = store_run_have_chunks,
                [STORE_DROP_CHUNKS] = store_run_drop_chunks,
                [STORE_REVOKE] = store_run_revoke,
                [STORE_LIST_ROOMS] = store_run_list_rooms,
                [STORE_FETCH_ROOM] = store_run_fetch_room,
                [STORE_SEND_TO_ROOM] = store_run_send_to_room,
                [STORE_RESET_ROOM] = store_run_reset_room,
        };

        r->result = STORE_DONE;
        return table[r->operation](s, r);
}

void store_log_failure(sqlite3 *db, int error)
{
        _cleanup_free_ char *sentence = storage_describe(db, sqlite3_errcode(db));

        log_error("%s", sentence ? sentence : strerror(-error));
}

int store_run(struct store *s, struct store_request *const *requests, unsigned count)
{
        if (mailbox_table_is_full(s->mailboxes))
                mailbox_table_clear(s->mailboxes);

        int e = storage_begin(s->db);

        for (unsigned i = 0; e >= 0 && i < count; i++)
                e = run_one(s, requests[i]);
        if (e >= 0)
                e = store_drop_bodies(s);
        if (e >= 0)
                e = store_save_mailboxes(s);
        if (e >= 0)
                e = store_sync_chunks(s);
        if (e >= 0)
                e = storage_commit(s->db);
        store_forget_gone(s, e >= 0);
        if (e < 0) {
                store_log_failure(s->db, e);
                storage_rollback(s->db);
                mailbox_table_clear(s->mailboxes);
                s->freed_count = 0;
                for (unsigned i = 0; i < count; i++)
                        requests[i]->result = STORE_FAILED;
                return e;
        }
        return 0;
}

void store_request_release(struct store_request *r)
{
        free(r->package);
        free(r->receipts);
        free(r->there);
        r->package = NULL;
        r->receipts = NULL;
        r->there = NULL;
        r->receipt_count = 0;
}

static const char fetch_query[] = "select e.sequence, b.payload from entries e, bodies b where e.mailbox = ? and"
                                  " e.sequence > ? and b.id = e.body order by e.sequence limit ?";

static const char chunk_query[] = "select content, place, size from chunks where name = ?";

static int open_reader(struct store *s, const char *path)
{
        int e = storage_errno(sqlite3_open_v2(path, &s->reader, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, NULL));

        if (e >= 0)
                e = storage_errno(
                        sqlite3_prepare_v3(s->reader, fetch_query, -1, SQLITE_PREPARE_PERSISTENT, &s->fetch, NULL));
        if (e >= 0)
                e = storage_errno(
                        sqlite3_prepare_v3(s->reader, chunk_query, -1, SQLITE_PREPARE_PERSISTENT, &s->chunk, NULL));
        if (e < 0)
                store_log_failure(s->reader, e);
        return e;
}

int store_open(const char *directory, const struct store_limits *limits, struct store **out)
{
        struct store *s = calloc(1, sizeof(*s));
        int e;

        if (!s || asprintf(&s->path, "%s/hub.db", directory) < 0) {
                free(s);
                return -ENOMEM;
        }
        s->limits = *limits;
        store_drop_copy(s->path);
        e = storage_open(s->path, store_migrations, STORE_MIGRATIONS, &s->db);
        for (unsigned i = 0; e >= 0 && i < Q_COUNT; i++)
                e = storage_errno(sqlite3_prepare_v3(s->db, store_queries[i], -1, SQLITE_PREPARE_PERSISTENT,
                                                     &s->statements[i], NULL));
        if (e < 0 && s->db)
                store_log_failure(s->db, e);
        if (e >= 0)
                e = mailbox_table_new(&s->mailboxes);
        if (e >= 0)
                e = open_reader(s, s->path);
        if (e >= 0)
                e = store_open_segments(s, directory);
        if (e >= 0)
                e = checkpoint_start(s->db, s->path, &s->checkpoint);
        if (e < 0) {
                store_close(s);
                return e;
        }
        *out = s;
        return 0;
}

void store_set_limits(struct store *s, const struct store_limits *limits)
{
        s->limits = *limits;
}

struct store *store_close(struct store *s)
{
        if (!s)
                return NULL;
        checkpoint_stop(s->checkpoint);
        sqlite3_finalize(s->fetch);
        sqlite3_finalize(s->chunk);
        sqlite3_close(s->reader);
        for (unsigned i = 0; i < Q_COUNT; i++)
                sqlite3_finalize(s->statements[i]);
        if (s->db)
                storage_close(s->db);
        segments_close(s->segments);
        free(s->gone);
        free(s->content);
        mailbox_table_free(s->mailboxes);
        free(s->path);
        free(s);
        return NULL;
}
