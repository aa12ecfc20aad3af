/* What the files of the SQLite engine share. See sqlite.c. */
#pragma once

#include <time.h>

#include "checkpoint.h"
#include "mailbox_table.h"
#include "segments.h"
#include "services/storage.h"
#include "store.h"

enum {
        STORE_STEP = 500, /* entries that one statement drops */
        FREED_MAX = 8192, /* bodies without a reader that wait to be dropped together */
};

enum statement {
        Q_ACCOUNT,
        Q_ACCOUNT_ADD,
        Q_INVITATION_USE,
        Q_INVITATION_FATE,
        Q_MAILBOX_ADD,
        Q_MAILBOX_NAMED,
        Q_MAILBOX_BY_ID,
        Q_MAILBOX_SAVE,
        Q_MAILBOX_MARKS,
        Q_STOCK,
        Q_PACKAGE_ADD,
        Q_PACKAGE_DROP_LAST,
        Q_PACKAGE_TAKE,
        Q_PACKAGE_LAST,
        Q_SENT_ADD,
        Q_SENT_DROP,
        Q_GROUP,
        Q_GROUP_MOVE,
        Q_GROUP_ADD,
        Q_BODY_ADD,
        Q_READERS_ADD,
        Q_READERS_LESS,
        Q_READERS_DROP,
        Q_BODY_DROP,
        Q_ENTRY_ADD,
        Q_ENTRY_OLDEST,
        Q_ENTRIES_DROP,
        Q_CHUNK_RENEW,
        Q_CHUNK_ADD,
        Q_CHUNK_DROP,
        Q_CHUNK_OWNER,
        Q_CHUNK_OWNER_MORE,
        Q_ROOM,
        Q_ROOM_MEMBER,
        Q_ROOM_ROSTER,
        Q_ROOM_DEPARTED,
        Q_COUNT,
};

/* The database's versions, and the text of each statement. */
enum { STORE_MIGRATIONS = 9 };
extern const char *const store_migrations[STORE_MIGRATIONS];
extern const char *const store_queries[Q_COUNT];

/* Of mailbox m: the last number given out, entries, bytes. */
#define STORE_MAILBOX_COUNTS                                                                                           \
        "max(m.sequence, ifnull((select max(sequence) from entries where mailbox = m.id), 0)),"                        \
        " (select count(*) from entries where mailbox = m.id),"                                                        \
        " (select ifnull(sum(size), 0) from entries where mailbox = m.id)"

/* A body that has lost its readers, or some of them. */
struct freed {
        int64_t body;
        bool shared;
};

/* A chunk's content in the segments. */
struct place {
        int64_t place, size;
};

struct store {
        char *path;
        sqlite3 *db;
        sqlite3_stmt *statements[Q_COUNT];
        struct store_limits limits;
        struct checkpoint *checkpoint;
        struct mailbox_table *mailboxes;
        uint64_t sends; /* counts them, see struct mailbox */
        struct freed freed[FREED_MAX];
        unsigned freed_count;
        struct segments *segments;
        struct place *gone; /* contents whose rows this batch has dropped */
        unsigned gone_count;
        int64_t lowest;         /* no content lies below it, 0: not known */
        int64_t expire_mailbox; /* where the next EXPIRE goes on */

        sqlite3 *reader; /* for the thread that only reads */
        sqlite3_stmt *fetch, *chunk;
        uint8_t *content; /* one chunk's, for that thread */
};

static inline int64_t now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A kept statement, ready to be bound anew. It is put back when it leaves the scope, so that no cursor stays open. */
static inline sqlite3_stmt *store_query(struct store *s, enum statement q)
{
        return s->statements[q];
}

static inline void query_done(sqlite3_stmt **q)
{
        sqlite3_reset(*q);
        sqlite3_clear_bindings(*q);
}

#define _cleanup_query_ __attribute__((cleanup(query_done)))

static inline void bind_bytes(sqlite3_stmt *q, int column, struct bytes b)
{
        (void) sqlite3_bind_blob64(q, column, b.data ? (const void *) b.data : "", b.size, SQLITE_STATIC);
}

static inline void bind_text(sqlite3_stmt *q, int column, struct bytes b)
{
        (void) sqlite3_bind_text(q, column, b.data ? (const char *) b.data : "", (int) b.size, SQLITE_STATIC);
}

static inline void bind_integer(sqlite3_stmt *q, int column, int64_t v)
{
        (void) sqlite3_bind_int64(q, column, v);
}

/* Into the answer goes the name that it is about. */
void store_set_subject(struct store_request *r, struct bytes name);

/* Logs what @db says of its last error. */
void store_log_failure(sqlite3 *db, int error);

/* sqlite_mail.c: mailboxes, and what lies in them. */

/* -ENOENT if nobody has that name, or no mailbox that id. */
int store_mailbox_named(struct store *s, struct bytes name, struct mailbox **out);
int store_mailbox_of_id(struct store *s, int64_t id, struct mailbox **out);

/* At the end of a batch: what it freed, and the counts that it changed, go to the disk. */
int store_drop_bodies(struct store *s);
int store_save_mailboxes(struct store *s);

/* Drops at most @count entries of a mailbox, from the oldest on, up to @sequence and received before @before. Returns
 * how many. */
int store_drop_entries(struct store *s, int64_t mailbox, int64_t sequence, int64_t before, unsigned count);

/* Remembers the id of a SEND: 1 and its row, or 0 if it was done before. Whoever then refuses forgets the row again. */
int store_remember_sent(struct store *s, struct store_request *r, int64_t now, int64_t *row);
int store_forget_sent(struct store *s, int64_t row);

/* Whether a mailbox has room for one more payload; and puts @r's payload into those of @r's receipts, once. */
bool store_has_room(const struct store *s, const struct mailbox *m, size_t payload);
int store_fan_out(struct store *s, struct store_request *r, int64_t now);

/* sqlite_rooms.c: an account that is deleted leaves all rooms. */
int store_leave_rooms(struct store *s, int64_t mailbox, const char *name);

/* sqlite_invitations.c: 1 if @r's token is good, and used once more; else 0, with the refusal in @r. */
int store_use_invitation(struct store *s, struct store_request *r);

/* Why the invitation is not good at @now, from its columns uses, until and revoked. */
enum store_refusal store_refusal_of(int64_t uses, int64_t until, bool revoked, int64_t now);

/* sqlite_chunks.c. Opens the segments; and what a batch means for them, before it is committed, after, and if it is
 * not.
 */
int store_open_segments(struct store *s, const char *directory);
int store_sync_chunks(struct store *s);
void store_forget_gone(struct store *s, bool committed);

/* The same for a backup: the contents that rows of @copy point to come into the rows. */
int store_embed_chunks(const struct segments *segments, sqlite3 *copy);

/* Drop some of what is past its time; 1 if there may be more. */
int store_expire_entries(struct store *s, int64_t now);
int store_expire_chunks(struct store *s, int64_t now);
int store_expire_invitations(struct store *s, int64_t now);

/* sqlite_view.c: deletes what an interrupted backup of the database at @path has left. */
void store_drop_copy(const char *path);

/* One request each; 0, with its result, or a negative errno that fails the batch. */
int store_run_register(struct store *s, struct store_request *r);
int store_run_look_up(struct store *s, struct store_request *r);
int store_run_publish(struct store *s, struct store_request *r);
int store_run_claim(struct store *s, struct store_request *r);
int store_run_send(struct store *s, struct store_request *r);
int store_run_ack(struct store *s, struct store_request *r);
int store_run_put_chunk(struct store *s, struct store_request *r);
int store_run_have_chunks(struct store *s, struct store_request *r);
int store_run_drop_chunks(struct store *s, struct store_request *r);
int store_run_invite(struct store *s, struct store_request *r);
int store_run_revoke(struct store *s, struct store_request *r);
int store_run_delete(struct store *s, struct store_request *r);
int store_run_list_rooms(struct store *s, struct store_request *r);
int store_run_fetch_room(struct store *s, struct store_request *r);
int store_run_send_to_room(struct store *s, struct store_request *r);
int store_run_reset_room(struct store *s, struct store_request *r);
