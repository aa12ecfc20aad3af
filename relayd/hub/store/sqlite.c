/* The embedded engine of store.h: SQLite in WAL mode with synchronous=FULL.
 *
 * Payloads are appended to one table by integer key, once for any number of receivers; a mailbox is a narrow index into
 * it. Who the sender of a payload was is not stored with it. The log is folded back into the file by a thread of its
 * own, so that no answer waits for that. */
#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checkpoint.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "services/storage.h"
#include "services/text.h"

enum { EXPIRE_STEP = 500 };

static const char *const migrations[] = {
        "create table accounts ("
        " id integer primary key,"
        " name text not null unique,"
        " created integer not null);"
        /* A mailbox is a device's; an account's first device has the empty name. */
        "create table mailboxes ("
        " id integer primary key,"
        " account integer not null references accounts,"
        " device blob not null,"
        " transport_key blob not null,"
        " generation blob not null,"
        " sequence integer not null default 0,"
        " entries integer not null default 0,"
        " bytes integer not null default 0,"
        " unique (account, device));"
        "create table bodies ("
        " id integer primary key,"
        " payload blob not null);"
        "create table entries ("
        " mailbox integer not null,"
        " sequence integer not null,"
        " body integer not null,"
        " size integer not null,"
        " shared integer not null," /* 0: the body's only entry */
        " received integer not null,"
        " primary key (mailbox, sequence)) without rowid;"
        /* How many entries still point to a body that was sent to several. */
        "create table readers ("
        " body integer primary key,"
        " remaining integer not null);"
        "create table sent ("
        " id integer primary key,"
        " mailbox integer not null,"
        " message blob not null,"
        " received integer not null,"
        " unique (mailbox, message));"
        "create table groups ("
        " name blob primary key,"
        " epoch integer not null,"
        " changed integer not null) without rowid;"
        "create index groups_changed on groups (changed);"
        "create table key_packages ("
        " id integer primary key,"
        " mailbox integer not null,"
        " last_resort integer not null,"
        " package blob not null);"
        "create index key_packages_stock on key_packages (mailbox, last_resort, id);",
};

enum statement {
        Q_ACCOUNT,
        Q_ACCOUNT_ADD,
        Q_MAILBOX_ADD,
        Q_RECEIVER,
        Q_STOCK,
        Q_PACKAGE_ADD,
        Q_PACKAGE_DROP_LAST,
        Q_PACKAGE_TAKE,
        Q_PACKAGE_LAST,
        Q_SENT_ADD,
        Q_SENT,
        Q_GROUP,
        Q_GROUP_MOVE,
        Q_GROUP_ADD,
        Q_BODY_ADD,
        Q_READERS_ADD,
        Q_READERS_LESS,
        Q_READERS_DROP,
        Q_BODY_DROP,
        Q_MAILBOX_PUSH,
        Q_ENTRY_ADD,
        Q_ENTRY_OLDEST,
        Q_ENTRY_DROP,
        Q_MAILBOX_LESS,
        Q_FETCH,
        Q_COUNT,
};

static const char *const queries[Q_COUNT] = {
        [Q_ACCOUNT] = "select m.id, m.transport_key, m.generation, m.sequence from accounts a, mailboxes m"
                      " where a.name = ? and m.account = a.id and m.device = x''",
        [Q_ACCOUNT_ADD] = "insert into accounts (name, created) values (?, ?) returning id",
        [Q_MAILBOX_ADD] =
                "insert into mailboxes (account, device, transport_key, generation) values (?, x'', ?, ?) returning id",
        [Q_RECEIVER] =
                "select m.id, m.entries, m.bytes from accounts a, mailboxes m where a.name = ? and m.account = a.id",
        [Q_STOCK] = "select count(*) from key_packages where mailbox = ? and last_resort = 0",
        [Q_PACKAGE_ADD] = "insert into key_packages (mailbox, last_resort, package) values (?, ?, ?)",
        [Q_PACKAGE_DROP_LAST] = "delete from key_packages where mailbox = ? and last_resort = 1",
        [Q_PACKAGE_TAKE] = "delete from key_packages where id = (select id from key_packages where mailbox = ? and"
                           " last_resort = 0 order by id limit 1) returning package",
        [Q_PACKAGE_LAST] = "select package from key_packages where mailbox = ? and last_resort = 1",
        [Q_SENT_ADD] = "insert into sent (mailbox, message, received) values (?, ?, ?)",
        [Q_SENT] = "select 1 from sent where mailbox = ? and message = ?",
        [Q_GROUP] = "select epoch from groups where name = ?",
        [Q_GROUP_MOVE] =
                "update groups set epoch = ?2 + 1, changed = ?3 where name = ?1 and epoch = ?2 returning epoch",
        [Q_GROUP_ADD] = "insert into groups (name, epoch, changed) values (?1, ?2 + 1, ?3) on conflict do nothing "
                        "returning epoch",
        [Q_BODY_ADD] = "insert into bodies (payload) values (?) returning id",
        [Q_READERS_ADD] = "insert into readers (body, remaining) values (?, ?)",
        [Q_READERS_LESS] = "update readers set remaining = remaining - 1 where body = ? returning remaining",
        [Q_READERS_DROP] = "delete from readers where body = ?",
        [Q_BODY_DROP] = "delete from bodies where id = ?",
        [Q_MAILBOX_PUSH] =
                "update mailboxes set sequence = sequence + 1, entries = entries + 1, bytes = bytes + ?2 where id = ?1"
                " returning sequence",
        [Q_ENTRY_ADD] =
                "insert into entries (mailbox, sequence, body, size, shared, received) values (?, ?, ?, ?, ?, ?)",
        [Q_ENTRY_OLDEST] =
                "select sequence, body, size, shared from entries where mailbox = ? and sequence <= ? and received < ?"
                " order by sequence limit ?",
        [Q_ENTRY_DROP] = "delete from entries where mailbox = ? and sequence = ?",
        [Q_MAILBOX_LESS] = "update mailboxes set entries = entries - ?2, bytes = bytes - ?3 where id = ?1",
        [Q_FETCH] = "select e.sequence, b.payload from entries e, bodies b where e.mailbox = ? and e.sequence > ? and "
                    "b.id = e.body"
                    " order by e.sequence limit ?",
};

struct store {
        sqlite3 *db;
        sqlite3_stmt *statements[Q_COUNT];
        struct store_limits limits;
        struct checkpoint *checkpoint;
        int64_t expire_mailbox; /* where store_expire() goes on */
};

static int64_t now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A kept statement, ready to be bound anew. It is put back when it leaves the scope, so that no cursor stays open. */
static sqlite3_stmt *query(struct store *s, enum statement q)
{
        return s->statements[q];
}

static void query_done(sqlite3_stmt **q)
{
        sqlite3_reset(*q);
        sqlite3_clear_bindings(*q);
}

#define _cleanup_query_ __attribute__((cleanup(query_done)))

static void bind_bytes(sqlite3_stmt *q, int column, struct bytes b)
{
        (void) sqlite3_bind_blob64(q, column, b.data ? (const void *) b.data : "", b.size, SQLITE_STATIC);
}

static void bind_text(sqlite3_stmt *q, int column, struct bytes b)
{
        (void) sqlite3_bind_text(q, column, b.data ? (const char *) b.data : "", (int) b.size, SQLITE_STATIC);
}

static void bind_integer(sqlite3_stmt *q, int column, int64_t v)
{
        (void) sqlite3_bind_int64(q, column, v);
}

static int column_copy(sqlite3_stmt *q, int column, uint8_t *out, size_t size)
{
        struct bytes b = storage_column_bytes(q, column);

        if (b.size != size)
                return -EBADMSG;
        memcpy(out, b.data, size);
        return 0;
}

static void set_subject(struct store_request *r, struct bytes name)
{
        size_t n = name.size < sizeof(r->subject) - 1 ? name.size : sizeof(r->subject) - 1;

        memcpy(r->subject, name.data, n);
        r->subject[n] = '\0';
}

static int stock_of(struct store *s, int64_t mailbox, uint32_t *out)
{
        _cleanup_query_ sqlite3_stmt *q = query(s, Q_STOCK);
        int r;

        bind_integer(q, 1, mailbox);
        r = storage_step(q);
        if (r <= 0)
                return r < 0 ? r : -EIO;
        *out = (uint32_t) storage_column_integer(q, 0);
        return 0;
}

static int run_register(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *find = query(s, Q_ACCOUNT), *account = query(s, Q_ACCOUNT_ADD),
                                     *mailbox = query(s, Q_MAILBOX_ADD);
        uint8_t generation[WIRE_GENERATION_SIZE];
        int e;

        bind_text(find, 1, r->name);
        e = storage_step(find);
        if (e < 0)
                return e;
        if (e > 0) {
                if (!bytes_equal(storage_column_bytes(find, 1), BYTES_OF(r->transport_key))) {
                        r->result = STORE_EXISTS;
                        set_subject(r, r->name);
                }
                return 0;
        }
        bind_text(account, 1, r->name);
        bind_integer(account, 2, now_usec());
        e = storage_step(account);
        if (e <= 0)
                return e < 0 ? e : -EIO;
        random_fill(generation, sizeof(generation));
        bind_integer(mailbox, 1, storage_column_integer(account, 0));
        bind_bytes(mailbox, 2, BYTES_OF(r->transport_key));
        bind_bytes(mailbox, 3, BYTES_OF(generation));
        e = storage_step(mailbox);
        return e < 0 ? e : 0;
}

static int run_look_up(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *q = query(s, Q_ACCOUNT);
        int e;

        bind_text(q, 1, r->name);
        e = storage_step(q);
        if (e < 0)
                return e;
        if (e == 0) {
                r->result = STORE_UNKNOWN;
                set_subject(r, r->name);
                return 0;
        }
        r->mailbox = storage_column_integer(q, 0);
        r->sequence = (uint64_t) storage_column_integer(q, 3);
        if (column_copy(q, 1, r->transport_key, sizeof(r->transport_key)) < 0 ||
            column_copy(q, 2, r->generation, sizeof(r->generation)) < 0)
                return -EBADMSG;
        return stock_of(s, r->mailbox, &r->key_packages);
}

static int add_package(struct store *s, int64_t mailbox, bool last_resort, struct bytes package)
{
        _cleanup_query_ sqlite3_stmt *drop = query(s, Q_PACKAGE_DROP_LAST), *add = query(s, Q_PACKAGE_ADD);
        int e;

        if (last_resort) {
                bind_integer(drop, 1, mailbox);
                e = storage_step(drop);
                if (e < 0)
                        return e;
        }
        bind_integer(add, 1, mailbox);
        bind_integer(add, 2, last_resort);
        bind_bytes(add, 3, package);
        return storage_step(add);
}

static int run_publish(struct store *s, struct store_request *r)
{
        uint32_t stock, adding = 0;
        struct bytes package;
        struct reader reader;
        bool last_resort;
        int e = stock_of(s, r->mailbox, &stock);

        if (e < 0)
                return e;
        reader_init(&reader, r->packages);
        while (key_package_next(&reader, &last_resort, &package))
                adding += !last_resort;
        r->key_packages = stock;
        if (stock + adding > s->limits.key_packages) {
                r->result = STORE_QUOTA;
                return 0;
        }
        reader_init(&reader, r->packages);
        while (key_package_next(&reader, &last_resort, &package)) {
                e = add_package(s, r->mailbox, last_resort, package);
                if (e < 0)
                        return e;
        }
        r->key_packages = stock + adding;
        return 0;
}

static int keep_package(struct store_request *r, struct bytes package)
{
        r->package = malloc(package.size ? package.size : 1);
        if (!r->package)
                return -ENOMEM;
        memcpy(r->package, package.data, package.size);
        r->package_size = package.size;
        return 0;
}

static int run_claim(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *take = query(s, Q_PACKAGE_TAKE), *last = query(s, Q_PACKAGE_LAST);
        int e = run_look_up(s, r);

        if (e < 0 || r->result != STORE_DONE)
                return e;
        bind_integer(take, 1, r->mailbox);
        e = storage_step(take);
        if (e > 0) {
                r->key_packages--;
                e = keep_package(r, storage_column_bytes(take, 0));
                /* The row is gone for certain only when the statement has run to its end. */
                return e < 0 ? e : storage_step(take);
        }
        if (e < 0)
                return e;
        bind_integer(last, 1, r->mailbox);
        e = storage_step(last);
        if (e > 0) {
                r->last_resort = true;
                return keep_package(r, storage_column_bytes(last, 0));
        }
        set_subject(r, r->name);
        r->result = STORE_EMPTY;
        return e;
}

static bool is_receiver(const struct store_request *r, int64_t mailbox)
{
        for (unsigned i = 0; i < r->receiver_count; i++) {
                if (r->receivers[i] == mailbox)
                        return true;
        }
        return false;
}

/* Finds the mailboxes of all recipients and sees that each of them has room. */
static int find_receivers(struct store *s, struct store_request *r)
{
        unsigned capacity = r->send.recipient_count;
        struct bytes name;
        struct reader reader;

        if (capacity == 0)
                return 0;
        r->receivers = calloc(capacity, sizeof(*r->receivers));
        if (!r->receivers)
                return -ENOMEM;
        reader_init(&reader, r->send.recipients);
        while (recipient_next(&reader, &name)) {
                _cleanup_query_ sqlite3_stmt *q = query(s, Q_RECEIVER);
                unsigned found = 0;
                int e;

                bind_text(q, 1, name);
                while ((e = storage_step(q)) > 0) {
                        found++;
                        if (is_receiver(r, storage_column_integer(q, 0)))
                                continue;
                        if (storage_column_integer(q, 1) >= s->limits.mailbox_entries ||
                            storage_column_integer(q, 2) + (int64_t) r->send.payload.size > s->limits.mailbox_bytes) {
                                r->result = STORE_QUOTA;
                                set_subject(r, name);
                                return 0;
                        }
                        if (r->receiver_count == capacity) {
                                int64_t *grown = reallocarray(r->receivers, 2 * (size_t) capacity, sizeof(*grown));

                                if (!grown)
                                        return -ENOMEM;
                                r->receivers = grown;
                                capacity *= 2;
                        }
                        r->receivers[r->receiver_count++] = storage_column_integer(q, 0);
                }
                if (e < 0)
                        return e;
                if (found == 0) {
                        r->result = STORE_UNKNOWN;
                        set_subject(r, name);
                        return 0;
                }
        }
        return 0;
}

/* The compare-and-set of a group's epoch. A group that is not known yet starts with the epoch of its first commit. */
static int move_group(struct store *s, struct store_request *r, int64_t now)
{
        static const enum statement attempts[] = { Q_GROUP_MOVE, Q_GROUP_ADD };
        _cleanup_query_ sqlite3_stmt *q = query(s, Q_GROUP);
        int e;

        if (r->send.epoch >= INT64_MAX) {
                r->result = STORE_STALE;
                return 0;
        }
        for (unsigned i = 0; i < COUNT_OF(attempts); i++) {
                _cleanup_query_ sqlite3_stmt *attempt = query(s, attempts[i]);

                bind_bytes(attempt, 1, r->send.group);
                bind_integer(attempt, 2, (int64_t) r->send.epoch);
                bind_integer(attempt, 3, now);
                e = storage_step(attempt);
                if (e != 0)
                        return e < 0 ? e : storage_step(attempt);
        }
        bind_bytes(q, 1, r->send.group);
        e = storage_step(q);
        if (e <= 0)
                return e < 0 ? e : -EIO;
        r->result = STORE_STALE;
        r->value = (uint64_t) storage_column_integer(q, 0);
        return 0;
}

static int step_for_id(sqlite3_stmt *q, int64_t *id)
{
        int e = storage_step(q);

        if (e <= 0)
                return e < 0 ? e : -EIO;
        *id = storage_column_integer(q, 0);
        return storage_step(q);
}

static int add_entry(struct store *s, int64_t mailbox, int64_t body, struct store_request *r, int64_t now)
{
        _cleanup_query_ sqlite3_stmt *push = query(s, Q_MAILBOX_PUSH), *add = query(s, Q_ENTRY_ADD);
        int64_t sequence;
        int e;

        bind_integer(push, 1, mailbox);
        bind_integer(push, 2, (int64_t) r->send.payload.size);
        e = step_for_id(push, &sequence);
        if (e < 0)
                return e;
        bind_integer(add, 1, mailbox);
        bind_integer(add, 2, sequence);
        bind_integer(add, 3, body);
        bind_integer(add, 4, (int64_t) r->send.payload.size);
        bind_integer(add, 5, r->receiver_count > 1);
        bind_integer(add, 6, now);
        return storage_step(add);
}

static int fan_out(struct store *s, struct store_request *r, int64_t now)
{
        _cleanup_query_ sqlite3_stmt *add = query(s, Q_BODY_ADD), *readers = query(s, Q_READERS_ADD);
        int64_t body;
        int e;

        bind_bytes(add, 1, r->send.payload);
        e = step_for_id(add, &body);
        if (e >= 0 && r->receiver_count > 1) {
                bind_integer(readers, 1, body);
                bind_integer(readers, 2, r->receiver_count);
                e = storage_step(readers);
        }
        for (unsigned i = 0; e >= 0 && i < r->receiver_count; i++)
                e = add_entry(s, r->receivers[i], body, r, now);
        return e;
}

/* Everything that can refuse comes before the first write, but for the group's epoch, which is the last check and a
 * write in one. */
static int run_send(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *sent = query(s, Q_SENT), *remember = query(s, Q_SENT_ADD);
        int64_t now = now_usec();
        int e;

        bind_integer(sent, 1, r->mailbox);
        bind_bytes(sent, 2, BYTES_OF(r->send.id));
        e = storage_step(sent);
        if (e != 0) {
                if (e > 0)
                        r->result = STORE_REPEATED;
                return e < 0 ? e : 0;
        }
        e = find_receivers(s, r);
        if (e >= 0 && r->result == STORE_DONE && r->send.has_group)
                e = move_group(s, r, now);
        if (e < 0 || r->result != STORE_DONE)
                return e;
        bind_integer(remember, 1, r->mailbox);
        bind_bytes(remember, 2, BYTES_OF(r->send.id));
        bind_integer(remember, 3, now);
        e = storage_step(remember);
        if (e >= 0 && r->receiver_count > 0)
                e = fan_out(s, r, now);
        return e;
}

static int drop_body(struct store *s, int64_t body, bool shared)
{
        _cleanup_query_ sqlite3_stmt *less = query(s, Q_READERS_LESS), *readers = query(s, Q_READERS_DROP),
                                     *drop = query(s, Q_BODY_DROP);
        int64_t remaining = 0;
        int e = 0;

        if (shared) {
                bind_integer(less, 1, body);
                e = step_for_id(less, &remaining);
                if (e < 0 || remaining > 0)
                        return e;
                bind_integer(readers, 1, body);
                e = storage_step(readers);
        }
        bind_integer(drop, 1, body);
        return e < 0 ? e : storage_step(drop);
}

/* Drops at most @count entries of a mailbox, from the oldest on, up to @sequence and received before @before. Returns
 * how many. */
static int drop_entries(struct store *s, int64_t mailbox, int64_t sequence, int64_t before, unsigned count)
{
        struct {
                int64_t sequence, body;
                bool shared;
        } dropped[EXPIRE_STEP];
        _cleanup_query_ sqlite3_stmt *less = query(s, Q_MAILBOX_LESS);
        int64_t bytes = 0;
        unsigned n = 0;
        int e;

        {
                _cleanup_query_ sqlite3_stmt *q = query(s, Q_ENTRY_OLDEST);

                bind_integer(q, 1, mailbox);
                bind_integer(q, 2, sequence);
                bind_integer(q, 3, before);
                bind_integer(q, 4, count < EXPIRE_STEP ? count : EXPIRE_STEP);
                while ((e = storage_step(q)) > 0) {
                        dropped[n].sequence = storage_column_integer(q, 0);
                        dropped[n].body = storage_column_integer(q, 1);
                        dropped[n++].shared = storage_column_integer(q, 3);
                        bytes += storage_column_integer(q, 2);
                }
        }
        for (unsigned i = 0; e >= 0 && i < n; i++) {
                _cleanup_query_ sqlite3_stmt *q = query(s, Q_ENTRY_DROP);

                bind_integer(q, 1, mailbox);
                bind_integer(q, 2, dropped[i].sequence);
                e = storage_step(q);
                if (e >= 0)
                        e = drop_body(s, dropped[i].body, dropped[i].shared);
        }
        if (e >= 0 && n > 0) {
                bind_integer(less, 1, mailbox);
                bind_integer(less, 2, n);
                bind_integer(less, 3, bytes);
                e = storage_step(less);
        }
        return e < 0 ? e : (int) n;
}

static int run_ack(struct store *s, struct store_request *r)
{
        int64_t sequence = r->sequence > INT64_MAX ? INT64_MAX : (int64_t) r->sequence;
        int n;

        do
                n = drop_entries(s, r->mailbox, sequence, INT64_MAX, EXPIRE_STEP);
        while (n == EXPIRE_STEP);
        return n < 0 ? n : 0;
}

static int run_one(struct store *s, struct store_request *r)
{
        static int (*const table[])(struct store *, struct store_request *) = {
                [STORE_REGISTER] = run_register, [STORE_LOOK_UP] = run_look_up, [STORE_PUBLISH] = run_publish,
                [STORE_CLAIM] = run_claim,       [STORE_SEND] = run_send,       [STORE_ACK] = run_ack,
        };

        r->result = STORE_DONE;
        return table[r->operation](s, r);
}

static void log_failure(struct store *s, int error)
{
        _cleanup_free_ char *sentence = storage_describe(s->db, sqlite3_errcode(s->db));

        log_error("%s", sentence ? sentence : strerror(-error));
}

int store_run(struct store *s, struct store_request *const *requests, unsigned count)
{
        int e = storage_begin(s->db);

        for (unsigned i = 0; e >= 0 && i < count; i++)
                e = run_one(s, requests[i]);
        if (e >= 0)
                e = storage_commit(s->db);
        if (e < 0) {
                log_failure(s, e);
                storage_rollback(s->db);
                for (unsigned i = 0; i < count; i++)
                        requests[i]->result = STORE_FAILED;
                return e;
        }
        return 0;
}

void store_request_release(struct store_request *r)
{
        free(r->package);
        free(r->receivers);
        r->package = NULL;
        r->receivers = NULL;
        r->receiver_count = 0;
}

int store_fetch(struct store *s, int64_t mailbox, uint64_t after, unsigned count,
                bool (*each)(void *userdata, uint64_t sequence, struct bytes payload), void *userdata)
{
        _cleanup_query_ sqlite3_stmt *q = query(s, Q_FETCH);
        int e;

        if (after > INT64_MAX)
                return 0;
        bind_integer(q, 1, mailbox);
        bind_integer(q, 2, (int64_t) after);
        bind_integer(q, 3, count);
        while ((e = storage_step(q)) > 0) {
                if (!each(userdata, (uint64_t) storage_column_integer(q, 0), storage_column_bytes(q, 1)))
                        return 0;
        }
        if (e < 0)
                log_failure(s, e);
        return e;
}

static int next_mailbox(struct store *s, int64_t *mailbox)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(s->db, &q, "select id from mailboxes where id > ? order by id limit 1", "i", *mailbox);

        if (e >= 0)
                e = storage_step(q);
        if (e > 0)
                *mailbox = storage_column_integer(q, 0);
        return e;
}

static int expire_step(struct store *s, int64_t now)
{
        int64_t before = now - (int64_t) s->limits.retention_usec, mailbox = s->expire_mailbox;
        unsigned budget = EXPIRE_STEP;
        int e = 1;

        for (unsigned seen = 0; seen < EXPIRE_STEP && budget > 0; seen++) {
                e = next_mailbox(s, &mailbox);
                if (e <= 0)
                        break;
                int n = drop_entries(s, mailbox, INT64_MAX, before, budget);

                if (n < 0)
                        return n;
                budget -= (unsigned) n;
                if (budget > 0)
                        s->expire_mailbox = mailbox;
        }
        if (e == 0)
                s->expire_mailbox = 0;
        return e;
}

int store_expire(struct store *s, uint64_t now_usec)
{
        int64_t now = (int64_t) now_usec;
        int more = 0, e = storage_begin(s->db);

        if (e >= 0)
                e = more = expire_step(s, now);
        if (e >= 0)
                e = storage_run(
                        s->db,
                        "delete from sent where received < ? and id in (select id from sent order by id limit 5000)",
                        "i", now - (int64_t) s->limits.idempotency_usec);
        if (e >= 0)
                e = storage_run(s->db, "delete from groups where changed < ?", "i",
                                now - (int64_t) s->limits.group_usec);
        if (e >= 0)
                e = storage_commit(s->db);
        if (e < 0) {
                log_failure(s, e);
                storage_rollback(s->db);
                return e;
        }
        return more > 0;
}

static int inspect_mailboxes(struct store *s, FILE *f)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(s->db, &q,
                                "select a.name, m.sequence, m.entries, m.bytes, m.transport_key,"
                                " (select count(*) from key_packages k where k.mailbox = m.id and last_resort = 0),"
                                " (select count(*) from key_packages k where k.mailbox = m.id and last_resort = 1)"
                                " from accounts a, mailboxes m where m.account = a.id order by a.name",
                                "");

        fprintf(f, "accounts\n");
        while (e >= 0 && (e = storage_step(q)) > 0) {
                _cleanup_free_ char *key = hex_encode(storage_column_bytes(q, 4));

                fprintf(f,
                        "  %s: %" PRId64 " messages so far, %" PRId64 " waiting (%" PRId64
                        " bytes), key packages %" PRId64 " + %" PRId64 " of last resort, transport key %s\n",
                        storage_column_string(q, 0), storage_column_integer(q, 1), storage_column_integer(q, 2),
                        storage_column_integer(q, 3), storage_column_integer(q, 5), storage_column_integer(q, 6),
                        key ? key : "");
        }
        return e;
}

static int inspect_entries(struct store *s, FILE *f)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(
                s->db, &q,
                "select a.name, e.sequence, e.size, e.body, substr(b.payload, 1, 24)"
                " from accounts a, mailboxes m, entries e, bodies b"
                " where m.account = a.id and e.mailbox = m.id and b.id = e.body order by a.name, e.sequence",
                "");

        fprintf(f, "messages that wait\n");
        while (e >= 0 && (e = storage_step(q)) > 0) {
                _cleanup_free_ char *start = hex_encode(storage_column_bytes(q, 4));

                fprintf(f, "  for %s: number %" PRId64 ", %" PRId64 " bytes, stored as %" PRId64 ": %s…\n",
                        storage_column_string(q, 0), storage_column_integer(q, 1), storage_column_integer(q, 2),
                        storage_column_integer(q, 3), start ? start : "");
        }
        return e;
}

static int inspect_groups(struct store *s, FILE *f)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(s->db, &q, "select name, epoch from groups order by changed", "");

        fprintf(f, "groups\n");
        while (e >= 0 && (e = storage_step(q)) > 0) {
                _cleanup_free_ char *name = hex_encode(storage_column_bytes(q, 0));

                fprintf(f, "  %s: epoch %" PRId64 "\n", name ? name : "", storage_column_integer(q, 1));
        }
        return e;
}

int store_inspect(struct store *s, FILE *f)
{
        int e = inspect_mailboxes(s, f);

        if (e >= 0)
                e = inspect_entries(s, f);
        if (e >= 0)
                e = inspect_groups(s, f);
        if (e < 0)
                log_failure(s, e);
        return e;
}

int store_open(const char *directory, const struct store_limits *limits, struct store **out)
{
        _cleanup_free_ char *path = NULL;
        struct store *s = calloc(1, sizeof(*s));
        int e;

        if (!s || asprintf(&path, "%s/hub.db", directory) < 0) {
                free(s);
                return -ENOMEM;
        }
        s->limits = *limits;
        e = storage_open(path, migrations, COUNT_OF(migrations), &s->db);
        for (unsigned i = 0; e >= 0 && i < Q_COUNT; i++)
                e = storage_errno(
                        sqlite3_prepare_v3(s->db, queries[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL));
        if (e < 0 && s->db)
                log_failure(s, e);
        if (e >= 0)
                e = checkpoint_start(s->db, path, &s->checkpoint);
        if (e < 0) {
                store_close(s);
                return e;
        }
        *out = s;
        return 0;
}

struct store *store_close(struct store *s)
{
        if (!s)
                return NULL;
        checkpoint_stop(s->checkpoint);
        for (unsigned i = 0; i < Q_COUNT; i++)
                sqlite3_finalize(s->statements[i]);
        if (s->db)
                storage_close(s->db);
        free(s);
        return NULL;
}
