/* The embedded engine of store.h: SQLite in WAL mode with synchronous=FULL.
 *
 * Payloads are appended to one table by integer key, once for any number of receivers; a mailbox is a narrow index into
 * it. Who the sender of a payload was is not stored with it. The log is folded back into the file by a thread of its
 * own, so that no answer waits for that. */
#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checkpoint.h"
#include "mailbox_table.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "services/storage.h"
#include "services/text.h"

enum {
        EXPIRE_STEP = 500,
        CHUNK_STEP = 64,
        FREED_MAX = 8192, /* bodies without a reader that wait to be dropped together */
};

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

        "create table invitations ("
        " token blob primary key," /* SHA-256 of it */
        " uses integer not null,"
        " until integer not null) without rowid;"
        /* A deleted account has this time and no mailbox. */
        "alter table accounts add column deleted integer;"
        "create index accounts_deleted on accounts (deleted) where deleted is not null;",

        /* Parts of files, each once, whoever puts it; it counts for who put it first. */
        "create table chunks ("
        " id integer primary key,"
        " name blob not null unique," /* SHA-256 of the content */
        " owner integer not null,"
        " size integer not null,"
        " until integer not null,"
        " content blob not null);"
        "create index chunks_until on chunks (until);"
        "create table chunk_owners ("
        " mailbox integer primary key,"
        " bytes integer not null);",
};

enum statement {
        Q_ACCOUNT,
        Q_ACCOUNT_ADD,
        Q_INVITATION_USE,
        Q_MAILBOX_ADD,
        Q_MAILBOX_NAMED,
        Q_MAILBOX_BY_ID,
        Q_MAILBOX_SAVE,
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
        Q_CHUNK_OWNER,
        Q_CHUNK_OWNER_MORE,
        Q_COUNT,
};

static const char *const queries[Q_COUNT] = {
        [Q_ACCOUNT] = "select m.transport_key, m.generation from accounts a, mailboxes m"
                      " where a.name = ? and m.account = a.id and m.device = x''",
        [Q_ACCOUNT_ADD] = "insert into accounts (name, created) values (?, ?) on conflict do nothing",
        [Q_INVITATION_USE] = "update invitations set uses = uses - 1 where token = ? and uses > 0 and until > ?",
        [Q_MAILBOX_ADD] =
                "insert into mailboxes (id, account, device, transport_key, generation) values (?1, ?1, x'', ?2, ?3)",
        [Q_MAILBOX_NAMED] = "select m.id, a.name, m.sequence, m.entries, m.bytes from accounts a, mailboxes m"
                            " where a.name = ? and m.account = a.id and m.device = x''",
        [Q_MAILBOX_BY_ID] = "select m.id, a.name, m.sequence, m.entries, m.bytes from mailboxes m, accounts a"
                            " where m.id = ? and a.id = m.account",
        [Q_MAILBOX_SAVE] = "update mailboxes set sequence = ?2, entries = ?3, bytes = ?4 where id = ?1",
        [Q_STOCK] = "select count(*) from key_packages where mailbox = ? and last_resort = 0",
        [Q_PACKAGE_ADD] = "insert into key_packages (mailbox, last_resort, package) values (?, ?, ?)",
        [Q_PACKAGE_DROP_LAST] = "delete from key_packages where mailbox = ? and last_resort = 1",
        [Q_PACKAGE_TAKE] = "delete from key_packages where id = (select id from key_packages where mailbox = ? and"
                           " last_resort = 0 order by id limit 1) returning package",
        [Q_PACKAGE_LAST] = "select package from key_packages where mailbox = ? and last_resort = 1",
        [Q_SENT_ADD] = "insert into sent (mailbox, message, received) values (?, ?, ?) on conflict do nothing",
        [Q_SENT_DROP] = "delete from sent where id = ?",
        [Q_GROUP] = "select epoch from groups where name = ?",
        [Q_GROUP_MOVE] =
                "update groups set epoch = ?2 + 1, changed = ?3 where name = ?1 and epoch = ?2 returning epoch",
        [Q_GROUP_ADD] = "insert into groups (name, epoch, changed) values (?1, ?2 + 1, ?3) on conflict do nothing "
                        "returning epoch",
        [Q_BODY_ADD] = "insert into bodies (payload) values (?) returning id",
        [Q_READERS_ADD] = "insert into readers (body, remaining) values (?, ?)",
        [Q_READERS_LESS] = "update readers set remaining = remaining - ?2 where body = ?1 returning remaining",
        [Q_READERS_DROP] = "delete from readers where body = ?",
        [Q_BODY_DROP] = "delete from bodies where id between ? and ?",
        [Q_ENTRY_ADD] =
                "insert into entries (mailbox, sequence, body, size, shared, received) values (?, ?, ?, ?, ?, ?)",
        [Q_ENTRY_OLDEST] =
                "select sequence, body, size, shared, received from entries where mailbox = ? and sequence <= ?"
                " order by sequence limit ?",
        [Q_ENTRIES_DROP] = "delete from entries where mailbox = ? and sequence <= ?",
        [Q_CHUNK_RENEW] = "update chunks set until = max(until, ?2) where name = ?1",
        [Q_CHUNK_ADD] = "insert into chunks (name, owner, size, until, content) values (?, ?, ?, ?, ?)",
        [Q_CHUNK_OWNER] = "select bytes from chunk_owners where mailbox = ?",
        [Q_CHUNK_OWNER_MORE] = "insert into chunk_owners (mailbox, bytes) values (?1, ?2)"
                               " on conflict do update set bytes = bytes + ?2",
};

static const char fetch_query[] = "select e.sequence, b.payload from entries e, bodies b where e.mailbox = ? and"
                                  " e.sequence > ? and b.id = e.body order by e.sequence limit ?";

static const char chunk_query[] = "select content from chunks where name = ?";

/* A body that has lost its readers, or some of them. */
struct freed {
        int64_t body;
        bool shared;
};

struct store {
        sqlite3 *db;
        sqlite3_stmt *statements[Q_COUNT];
        struct store_limits limits;
        struct checkpoint *checkpoint;
        struct mailbox_table *mailboxes;
        uint64_t sends; /* counts them, see struct mailbox */
        struct freed freed[FREED_MAX];
        unsigned freed_count;
        int64_t expire_mailbox; /* where the next EXPIRE goes on */

        sqlite3 *reader; /* for the thread that only reads */
        sqlite3_stmt *fetch, *chunk;
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

static int load_mailbox(struct store *s, sqlite3_stmt *q, struct mailbox **out)
{
        int e = storage_step(q);

        if (e <= 0)
                return e < 0 ? e : -ENOENT;
        struct mailbox m = { .id = storage_column_integer(q, 0),
                             .sequence = (uint64_t) storage_column_integer(q, 2),
                             .entries = storage_column_integer(q, 3),
                             .bytes = storage_column_integer(q, 4) };

        (void) snprintf(m.name, sizeof(m.name), "%s", storage_column_string(q, 1));
        *out = mailbox_add(s->mailboxes, &m);
        return *out ? 0 : -ENOMEM;
}

/* -ENOENT if nobody has that name. */
static int mailbox_named(struct store *s, struct bytes name, struct mailbox **out)
{
        _cleanup_query_ sqlite3_stmt *q = query(s, Q_MAILBOX_NAMED);

        *out = mailbox_by_name(s->mailboxes, name);
        if (*out)
                return 0;
        bind_text(q, 1, name);
        return load_mailbox(s, q, out);
}

static int mailbox_of_id(struct store *s, int64_t id, struct mailbox **out)
{
        _cleanup_query_ sqlite3_stmt *q = query(s, Q_MAILBOX_BY_ID);

        *out = mailbox_by_id(s->mailboxes, id);
        if (*out)
                return 0;
        bind_integer(q, 1, id);
        return load_mailbox(s, q, out);
}

static int save_mailboxes(struct store *s)
{
        struct mailbox *m;
        int e = 0;

        while (e >= 0 && (m = mailbox_take_dirty(s->mailboxes))) {
                _cleanup_query_ sqlite3_stmt *q = query(s, Q_MAILBOX_SAVE);

                bind_integer(q, 1, m->id);
                bind_integer(q, 2, (int64_t) m->sequence);
                bind_integer(q, 3, m->entries);
                bind_integer(q, 4, m->bytes);
                e = storage_step(q);
        }
        return e;
}

/* 1 if the token is good, and used once more. */
static int use_invitation(struct store *s, const struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *use = query(s, Q_INVITATION_USE);

        bind_bytes(use, 1, BYTES_OF(r->token));
        bind_integer(use, 2, now_usec());
        int e = storage_step(use);

        return e < 0 ? e : sqlite3_changes(s->db) > 0;
}

static int run_register(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *find = query(s, Q_ACCOUNT), *account = query(s, Q_ACCOUNT_ADD),
                                     *mailbox = query(s, Q_MAILBOX_ADD);
        uint8_t generation[WIRE_GENERATION_SIZE];
        int64_t id;
        int e;

        bind_text(find, 1, r->name);
        e = storage_step(find);
        if (e < 0)
                return e;
        if (e > 0) {
                if (!bytes_equal(storage_column_bytes(find, 0), BYTES_OF(r->transport_key))) {
                        r->result = STORE_EXISTS;
                        set_subject(r, r->name);
                }
                return 0;
        }
        if (r->policy == STORE_CLOSED) {
                r->result = STORE_REFUSED;
                return 0;
        }
        bind_text(account, 1, r->name);
        bind_integer(account, 2, now_usec());
        e = storage_step(account);
        if (e < 0)
                return e;
        if (sqlite3_changes(s->db) == 0) { /* it was deleted not long ago */
                r->result = STORE_EXISTS;
                set_subject(r, r->name);
                return 0;
        }
        id = sqlite3_last_insert_rowid(s->db);
        e = r->policy == STORE_INVITED ? use_invitation(s, r) : 1;
        if (e == 0) {
                r->result = STORE_REFUSED;
                return storage_run(s->db, "delete from accounts where id = ?", "i", id);
        }
        if (e < 0)
                return e;
        random_fill(generation, sizeof(generation));
        bind_integer(mailbox, 1, id); /* is not given out again while the name is taken */
        bind_bytes(mailbox, 2, BYTES_OF(r->transport_key));
        bind_bytes(mailbox, 3, BYTES_OF(generation));
        e = storage_step(mailbox);
        return e < 0 ? e : 0;
}

static int run_look_up(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *q = query(s, Q_ACCOUNT);
        struct mailbox *m;
        int e = mailbox_named(s, r->name, &m);

        if (e == -ENOENT) {
                r->result = STORE_UNKNOWN;
                set_subject(r, r->name);
                return 0;
        }
        if (e < 0)
                return e;
        bind_text(q, 1, r->name);
        e = storage_step(q);
        if (e <= 0)
                return e < 0 ? e : -EIO;
        r->mailbox = m->id;
        r->sequence = m->sequence;
        if (column_copy(q, 0, r->transport_key, sizeof(r->transport_key)) < 0 ||
            column_copy(q, 1, r->generation, sizeof(r->generation)) < 0)
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
        struct mailbox *m;
        bool last_resort;
        int e = mailbox_of_id(s, r->mailbox, &m);

        if (e == -ENOENT) /* deleted meanwhile */
                r->result = STORE_UNKNOWN;
        if (e < 0)
                return e == -ENOENT ? 0 : e;
        e = stock_of(s, r->mailbox, &stock);
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
        e = r->last_resort_only ? 0 : storage_step(take);
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

/* Finds the mailboxes of all recipients and sees that each of them has room. */
static int find_receivers(struct store *s, struct store_request *r)
{
        struct bytes name;
        struct reader reader;

        if (r->send.recipient_count == 0)
                return 0;
        r->receipts = calloc(r->send.recipient_count, sizeof(*r->receipts));
        if (!r->receipts)
                return -ENOMEM;
        s->sends++;
        reader_init(&reader, r->send.recipients);
        while (recipient_next(&reader, &name)) {
                struct mailbox *m;
                int e = mailbox_named(s, name, &m);

                if (e == -ENOENT) {
                        r->result = STORE_UNKNOWN;
                        set_subject(r, name);
                        return 0;
                }
                if (e < 0)
                        return e;
                if (m->send == s->sends)
                        continue;
                m->send = s->sends;
                if (m->entries >= s->limits.mailbox_entries ||
                    m->bytes + (int64_t) r->send.payload.size > s->limits.mailbox_bytes) {
                        r->result = STORE_QUOTA;
                        set_subject(r, name);
                        return 0;
                }
                r->receipts[r->receipt_count++].mailbox = m->id;
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

static int add_entry(struct store *s, struct store_receipt *receipt, int64_t body, struct store_request *r, int64_t now)
{
        _cleanup_query_ sqlite3_stmt *add = query(s, Q_ENTRY_ADD);
        struct mailbox *m;
        int e = mailbox_of_id(s, receipt->mailbox, &m);

        if (e < 0)
                return e;
        receipt->sequence = ++m->sequence;
        m->entries++;
        m->bytes += (int64_t) r->send.payload.size;
        mailbox_touch(s->mailboxes, m);
        bind_integer(add, 1, m->id);
        bind_integer(add, 2, (int64_t) m->sequence);
        bind_integer(add, 3, body);
        bind_integer(add, 4, (int64_t) r->send.payload.size);
        bind_integer(add, 5, r->receipt_count > 1);
        bind_integer(add, 6, now);
        return storage_step(add);
}

static int fan_out(struct store *s, struct store_request *r, int64_t now)
{
        _cleanup_query_ sqlite3_stmt *add = query(s, Q_BODY_ADD), *readers = query(s, Q_READERS_ADD);
        int64_t body;

        bind_bytes(add, 1, r->send.payload);
        int e = storage_step(add);

        body = sqlite3_last_insert_rowid(s->db);
        if (e >= 0 && r->receipt_count > 1) {
                bind_integer(readers, 1, body);
                bind_integer(readers, 2, r->receipt_count);
                e = storage_step(readers);
        }
        for (unsigned i = 0; e >= 0 && i < r->receipt_count; i++)
                e = add_entry(s, &r->receipts[i], body, r, now);
        return e;
}

/* The id is remembered first, which also tells whether it is new; what is refused is forgotten again. */
static int run_send(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *remember = query(s, Q_SENT_ADD), *forget = query(s, Q_SENT_DROP);
        int64_t now = now_usec(), id;
        int e;

        bind_integer(remember, 1, r->mailbox);
        bind_bytes(remember, 2, BYTES_OF(r->send.id));
        bind_integer(remember, 3, now);
        e = storage_step(remember);
        if (e < 0)
                return e;
        if (sqlite3_changes(s->db) == 0) {
                r->result = STORE_REPEATED;
                return 0;
        }
        id = sqlite3_last_insert_rowid(s->db);
        e = find_receivers(s, r);
        if (e >= 0 && r->result == STORE_DONE && r->send.has_group)
                e = move_group(s, r, now);
        if (e >= 0 && r->result == STORE_DONE)
                return r->receipt_count > 0 ? fan_out(s, r, now) : 0;
        r->receipt_count = 0;
        bind_integer(forget, 1, id);
        return e < 0 ? e : storage_step(forget);
}

static int less_readers(struct store *s, int64_t body, unsigned readers)
{
        _cleanup_query_ sqlite3_stmt *less = query(s, Q_READERS_LESS), *none = query(s, Q_READERS_DROP),
                                     *drop = query(s, Q_BODY_DROP);
        int64_t remaining = 0;

        bind_integer(less, 1, body);
        bind_integer(less, 2, readers);
        int e = step_for_id(less, &remaining);

        if (e < 0 || remaining > 0)
                return e;
        bind_integer(none, 1, body);
        bind_integer(drop, 1, body);
        bind_integer(drop, 2, body);
        e = storage_step(none);
        return e < 0 ? e : storage_step(drop);
}

static int compare_freed(const void *a, const void *b)
{
        const struct freed *x = a, *y = b;

        return x->body < y->body ? -1 : x->body > y->body;
}

/* Bodies are freed together, in their order: one statement for each row of neighbours, or for each that is shared. */
static int drop_bodies(struct store *s)
{
        int e = 0;

        qsort(s->freed, s->freed_count, sizeof(*s->freed), compare_freed);
        for (unsigned i = 0, n; e >= 0 && i < s->freed_count; i += n) {
                const struct freed *f = &s->freed[i];

                n = 1;
                if (f->shared) {
                        while (i + n < s->freed_count && f[n].body == f->body)
                                n++;
                        e = less_readers(s, f->body, n);
                } else {
                        _cleanup_query_ sqlite3_stmt *drop = query(s, Q_BODY_DROP);

                        while (i + n < s->freed_count && !f[n].shared && f[n].body == f->body + n)
                                n++;
                        bind_integer(drop, 1, f->body);
                        bind_integer(drop, 2, f->body + n - 1);
                        e = storage_step(drop);
                }
        }
        s->freed_count = 0;
        return e;
}

/* Drops at most @count entries of a mailbox, from the oldest on, up to @sequence and received before @before. Returns
 * how many. */
static int drop_entries(struct store *s, int64_t mailbox, int64_t sequence, int64_t before, unsigned count)
{
        int64_t bytes = 0, last = 0;
        struct mailbox *m;
        unsigned n = 0;
        int e = mailbox_of_id(s, mailbox, &m);

        if (e >= 0 && s->freed_count + count > FREED_MAX)
                e = drop_bodies(s);
        if (e >= 0) {
                _cleanup_query_ sqlite3_stmt *q = query(s, Q_ENTRY_OLDEST);

                bind_integer(q, 1, mailbox);
                bind_integer(q, 2, sequence);
                bind_integer(q, 3, count);
                while ((e = storage_step(q)) > 0 && storage_column_integer(q, 4) < before) {
                        last = storage_column_integer(q, 0);
                        s->freed[s->freed_count++] =
                                (struct freed){ storage_column_integer(q, 1), storage_column_integer(q, 3) };
                        bytes += storage_column_integer(q, 2);
                        n++;
                }
        }
        if (e >= 0 && n > 0) {
                _cleanup_query_ sqlite3_stmt *q = query(s, Q_ENTRIES_DROP);

                bind_integer(q, 1, mailbox);
                bind_integer(q, 2, last);
                e = storage_step(q);
                m->entries -= n;
                m->bytes -= bytes;
                mailbox_touch(s->mailboxes, m);
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
        if (n == -ENOENT) /* deleted meanwhile */
                r->result = STORE_UNKNOWN;
        return n < 0 && n != -ENOENT ? n : 0;
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

/* What @mailbox's chunks hold. */
static int chunk_bytes_of(struct store *s, int64_t mailbox, int64_t *out)
{
        _cleanup_query_ sqlite3_stmt *q = query(s, Q_CHUNK_OWNER);

        bind_integer(q, 1, mailbox);
        int e = storage_step(q);

        *out = e > 0 ? storage_column_integer(q, 0) : 0;
        return e < 0 ? e : 0;
}

static int run_put_chunk(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *renew = query(s, Q_CHUNK_RENEW), *add = query(s, Q_CHUNK_ADD),
                                     *more = query(s, Q_CHUNK_OWNER_MORE);
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

/* Drops some of the chunks that are past their time; 1 if there may be more. */
static int expire_chunks(struct store *s, int64_t now)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int64_t ids[CHUNK_STEP];
        unsigned n = 0;
        int e = storage_prepare(s->db, &q, "select id, owner, size from chunks where until < ? order by until limit ?",
                                "ii", now, (int64_t) CHUNK_STEP);

        while (e >= 0 && (e = storage_step(q)) > 0) {
                _cleanup_query_ sqlite3_stmt *less = query(s, Q_CHUNK_OWNER_MORE);

                ids[n++] = storage_column_integer(q, 0);
                bind_integer(less, 1, storage_column_integer(q, 1));
                bind_integer(less, 2, -storage_column_integer(q, 2));
                e = storage_step(less);
        }
        for (unsigned i = 0; e >= 0 && i < n; i++)
                e = storage_run(s->db, "delete from chunks where id = ?", "i", ids[i]);
        return e < 0 ? e : n == CHUNK_STEP;
}

static int run_expire(struct store *s, struct store_request *r)
{
        int64_t now = (int64_t) r->now_usec;
        int more = expire_step(s, now), e = more;

        if (e >= 0)
                e = storage_run(
                        s->db,
                        "delete from sent where received < ? and id in (select id from sent order by id limit 5000)",
                        "i", now - (int64_t) s->limits.idempotency_usec);
        if (e >= 0)
                e = storage_run(s->db, "delete from groups where changed < ?", "i",
                                now - (int64_t) s->limits.group_usec);
        if (e >= 0)
                e = storage_run(s->db, "delete from accounts where deleted < ?", "i",
                                now - (int64_t) s->limits.name_usec);
        if (e >= 0)
                e = storage_run(s->db, "delete from invitations where until < ? or uses = 0", "i", now);
        int chunks = e < 0 ? e : expire_chunks(s, now);

        r->more = more > 0 || chunks > 0;
        return chunks < 0 ? chunks : e;
}

static int run_invite(struct store *s, struct store_request *r)
{
        return storage_run(s->db, "insert into invitations (token, uses, until) values (?, ?, ?)", "bii",
                           BYTES_OF(r->token), r->uses, (int64_t) r->until_usec);
}

/* All that an account has goes at once; its name stays taken for a time, so that nobody gets what was meant for it. */
static int run_delete(struct store *s, struct store_request *r)
{
        _cleanup_free_ char *name = strndup((const char *) r->name.data, r->name.size);
        struct mailbox *m;
        int e = name ? mailbox_named(s, r->name, &m) : -ENOMEM, n;

        if (e == -ENOENT) {
                r->result = STORE_UNKNOWN;
                set_subject(r, r->name);
                return 0;
        }
        if (e < 0)
                return e;
        r->mailbox = m->id;
        do
                n = drop_entries(s, m->id, INT64_MAX, INT64_MAX, EXPIRE_STEP);
        while (n == EXPIRE_STEP);
        if (n < 0)
                return n;
        mailbox_forget(s->mailboxes, m);
        e = storage_run(s->db, "delete from key_packages where mailbox = ?", "i", r->mailbox);
        if (e >= 0)
                e = storage_run(s->db, "delete from sent where mailbox = ?", "i", r->mailbox);
        if (e >= 0)
                e = storage_run(s->db, "delete from mailboxes where id = ?", "i", r->mailbox);
        if (e >= 0)
                e = storage_run(s->db, "update accounts set deleted = ? where name = ?", "is", now_usec(), name);
        return e;
}

static int run_one(struct store *s, struct store_request *r)
{
        static int (*const table[])(struct store *, struct store_request *) = {
                [STORE_REGISTER] = run_register,   [STORE_LOOK_UP] = run_look_up, [STORE_PUBLISH] = run_publish,
                [STORE_CLAIM] = run_claim,         [STORE_SEND] = run_send,       [STORE_ACK] = run_ack,
                [STORE_EXPIRE] = run_expire,       [STORE_INVITE] = run_invite,   [STORE_DELETE] = run_delete,
                [STORE_PUT_CHUNK] = run_put_chunk,
        };

        r->result = STORE_DONE;
        return table[r->operation](s, r);
}

static void log_failure(sqlite3 *db, int error)
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
                e = drop_bodies(s);
        if (e >= 0)
                e = save_mailboxes(s);
        if (e >= 0)
                e = storage_commit(s->db);
        if (e < 0) {
                log_failure(s->db, e);
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
        r->package = NULL;
        r->receipts = NULL;
        r->receipt_count = 0;
}

int store_fetch(struct store *s, int64_t mailbox, uint64_t after, unsigned count,
                bool (*each)(void *userdata, uint64_t sequence, struct bytes payload), void *userdata)
{
        _cleanup_query_ sqlite3_stmt *q = s->fetch;
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
                log_failure(s->reader, e);
        return e;
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
                log_failure(s->db, e);
        return e;
}

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
                log_failure(s->reader, e);
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
                log_failure(s->db, e);
        if (e >= 0)
                e = mailbox_table_new(&s->mailboxes);
        if (e >= 0)
                e = open_reader(s, path);
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
        sqlite3_finalize(s->fetch);
        sqlite3_finalize(s->chunk);
        sqlite3_close(s->reader);
        for (unsigned i = 0; i < Q_COUNT; i++)
                sqlite3_finalize(s->statements[i]);
        if (s->db)
                storage_close(s->db);
        mailbox_table_free(s->mailboxes);
        free(s);
        return NULL;
}
