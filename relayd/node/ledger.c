/* See ledger.h. */
#include "ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/log.h"
#include "services/memfd.h"
#include "services/seal.h"
#include "services/storage.h"

static const char *const migrations[] = {
        "create table accounts ("
        " id integer primary key,"
        " account text not null unique,"
        " uid integer not null,"
        " name text not null,"
        " host text not null,"
        " port integer not null,"
        " hub_key blob,"
        " transport_key blob not null,"
        " registered integer not null,"
        " generation blob not null,"
        " received integer not null,"
        " sequence integer not null);"
        "create table outbox ("
        " id integer primary key autoincrement,"
        " account integer not null references accounts on delete cascade,"
        " message blob not null,"
        " recipients blob not null,"
        " recipient_count integer not null,"
        " group_name blob not null,"
        " epoch integer not null,"
        " envelope blob not null,"
        " unique (account, message));"
        "create table outcomes ("
        " id integer primary key autoincrement,"
        " account integer not null references accounts on delete cascade,"
        " message blob not null,"
        " result text not null,"
        " winner integer not null,"
        " reason text not null,"
        " unique (account, message));"
        "create table inbox ("
        " id integer primary key,"
        " account integer not null references accounts on delete cascade,"
        " sequence integer not null,"
        " envelope blob not null,"
        " unique (account, sequence));",
        "alter table accounts add column enabled integer not null default 1;",
        ("alter table accounts add column first_use integer not null default 0;"
         "alter table accounts add column proxy text not null default '';"),
        ("create table transfers ("
         " id integer primary key autoincrement,"
         " account integer not null references accounts on delete cascade,"
         " transfer blob not null,"
         " upload integer not null,"
         " state integer not null,"
         " paused integer not null,"
         " size integer not null,"
         " names blob not null,"
         " reason text not null,"
         " unique (account, transfer));"
         "alter table accounts add column bandwidth integer not null default 0;"),
        ("alter table accounts add column queued integer not null default 0;"
         "alter table accounts add column delivered integer not null default 0;"),
        "create table withdrawals ("
        " id integer primary key autoincrement,"
        " account integer not null references accounts on delete cascade,"
        " names blob not null);",
        /* 1: the envelope is the body of a SEND_TO_ROOM. */
        "alter table outbox add column room integer not null default 0;",
        /* An account's further hubs are rows beside its own, with keys and links of their own and without queues. An
         * envelope goes by one link; ways are the others that would do. */
        ("alter table accounts add column main integer references accounts on delete cascade;"
         "alter table outbox add column link integer references accounts on delete cascade;"
         "update outbox set link = account;"
         "create index outbox_link on outbox (link, id);"
         "create table ways ("
         " envelope integer not null references outbox on delete cascade,"
         " link integer not null references accounts on delete cascade,"
         " recipients blob not null,"
         " recipient_count integer not null,"
         " primary key (envelope, link)) without rowid;"
         "create index ways_link on ways (link);"),
        /* The largest id that a hub has answered, and how many envelopes ever came; null: not known. */
        ("alter table accounts add column doubt integer not null default 0;"
         "alter table accounts add column concluded blob;"
         "alter table accounts add column arrived integer;"),
        /* The bytes of what is in the inbox. */
        ("alter table accounts add column held integer not null default 0;"
         "update accounts set held ="
         " (select coalesce(sum(length(envelope)), 0) from inbox where account = accounts.id);"),
        /* How many are in the inbox, and in the outbox for a link: they are asked for after each commit, when there may
         * be a hundred thousand. */
        ("alter table accounts add column in_inbox integer not null default 0;"
         "alter table accounts add column in_outbox integer not null default 0;"
         "update accounts set in_inbox = (select count(*) from inbox where account = accounts.id),"
         " in_outbox = (select count(*) from outbox where link = accounts.id);"
         "create trigger inbox_more after insert on inbox begin"
         " update accounts set in_inbox = in_inbox + 1 where id = new.account; end;"
         "create trigger inbox_less after delete on inbox begin"
         " update accounts set in_inbox = in_inbox - 1 where id = old.account; end;"
         "create trigger outbox_more after insert on outbox begin"
         " update accounts set in_outbox = in_outbox + 1 where id = new.link; end;"
         "create trigger outbox_less after delete on outbox begin"
         " update accounts set in_outbox = in_outbox - 1 where id = old.link; end;"
         "create trigger outbox_moved after update of link on outbox begin"
         " update accounts set in_outbox = in_outbox - 1 where id = old.link;"
         " update accounts set in_outbox = in_outbox + 1 where id = new.link; end;"
         /* The next outcome is found by it, and not by sorting them all. */
         "create index outcomes_account on outcomes (account, id);"),
};

struct then {
        struct then *next;
        void (*done)(void *userdata, int error);
        void *userdata;
};

struct ledger {
        sqlite3 *db;
        const struct secret *key;
        sd_event_source *turn;
        bool busy;
        int failed; /* a write of the open transaction: none of it may be kept */
        struct then *first, **last;
        char *sentence;
        ledger_settled settled;
        void *userdata;
};

int ledger_note(struct ledger *l, int error)
{
        if (error >= 0)
                return error;
        free(l->sentence);
        l->sentence = storage_describe(l->db, sqlite3_errcode(l->db));
        log_error("%s", ledger_describe(l));
        if (l->busy)
                l->failed = error;
        return error;
}

sqlite3 *ledger_database(struct ledger *l)
{
        return l->db;
}

const char *ledger_describe(const struct ledger *l)
{
        return l->sentence ? l->sentence : "relayd's own database failed; the journal has the details.";
}

bool ledger_busy(const struct ledger *l)
{
        return l->busy;
}

int ledger_commit(struct ledger *l)
{
        struct then *t = l->first, *next;
        int r;

        if (!l->busy)
                return 0;
        r = l->failed < 0 ? l->failed : ledger_note(l, storage_commit(l->db));
        if (r < 0)
                storage_rollback(l->db);
        l->busy = false;
        l->failed = 0;
        l->first = NULL;
        l->last = &l->first;
        for (; t; t = next) {
                next = t->next;
                t->done(t->userdata, r);
                free(t);
        }
        l->settled(l->userdata);
        return r;
}

static int on_turn(sd_event_source *source, void *userdata)
{
        struct ledger *l = userdata;

        (void) ledger_commit(l);
        return 0;
}

int ledger_join(struct ledger *l)
{
        int r;

        if (l->busy)
                return 0;
        r = ledger_note(l, storage_begin(l->db));
        if (r < 0)
                return r;
        l->busy = true;
        return sd_event_source_set_enabled(l->turn, SD_EVENT_ONESHOT);
}

int ledger_then(struct ledger *l, void (*done)(void *userdata, int error), void *userdata)
{
        struct then *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        *t = (struct then){ NULL, done, userdata };
        *l->last = t;
        l->last = &t->next;
        return 0;
}

int ledger_open(sd_event *event, const char *directory, const struct secret *key, ledger_settled settled,
                void *userdata, struct ledger **out)
{
        _cleanup_free_ char *path = NULL;
        struct ledger *l = calloc(1, sizeof(*l));
        int r;

        if (!l || asprintf(&path, "%s/relayd.db", directory) < 0) {
                path = NULL;
                free(l);
                return -ENOMEM;
        }
        l->key = key;
        l->last = &l->first;
        l->settled = settled;
        l->userdata = userdata;
        r = storage_open(path, migrations, COUNT_OF(migrations), &l->db);
        if (r >= 0)
                r = sd_event_add_defer(event, &l->turn, on_turn, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->turn, SD_EVENT_OFF);
        if (r >= 0) /* after all that is there to be read */
                r = sd_event_source_set_priority(l->turn, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r < 0) {
                ledger_close(l);
                return r;
        }
        *out = l;
        return 0;
}

struct ledger *ledger_close(struct ledger *l)
{
        if (!l)
                return NULL;
        (void) ledger_commit(l);
        sd_event_source_disable_unref(l->turn);
        if (l->db)
                storage_close(l->db);
        free(l->sentence);
        free(l);
        return NULL;
}

static int copy_column(sqlite3_stmt *q, int column, uint8_t *out, size_t size)
{
        struct bytes b = storage_column_bytes(q, column);

        if (b.size != size)
                return -EBADMSG;
        memcpy(out, b.data, size);
        return 0;
}

static int read_account(struct ledger *l, sqlite3_stmt *q, struct ledger_account *a, struct secret **key)
{
        *a = (struct ledger_account){
                .id = storage_column_integer(q, 0),
                .uid = (uint32_t) storage_column_integer(q, 2),
                .address.port = (uint16_t) storage_column_integer(q, 5),
                .address.has_key = storage_column_bytes(q, 6).size > 0,
                .enabled = storage_column_integer(q, 12),
                .registered = storage_column_integer(q, 8),
                .first_use = storage_column_integer(q, 13),
                .received = (uint64_t) storage_column_integer(q, 10),
                .sequence = (uint64_t) storage_column_integer(q, 11),
                .bandwidth = (uint64_t) storage_column_integer(q, 15),
                .main = storage_column_integer(q, 16),
                .doubt = storage_column_integer(q, 17),
        };
        (void) snprintf(a->account, sizeof(a->account), "%s", storage_column_string(q, 1));
        (void) snprintf(a->address.name, sizeof(a->address.name), "%s", storage_column_string(q, 3));
        (void) snprintf(a->address.host, sizeof(a->address.host), "%s", storage_column_string(q, 4));
        (void) snprintf(a->proxy, sizeof(a->proxy), "%s", storage_column_string(q, 14));
        if (a->address.has_key && copy_column(q, 6, a->address.key, sizeof(a->address.key)) < 0)
                return -EBADMSG;
        if (copy_column(q, 9, a->generation, sizeof(a->generation)) < 0)
                return -EBADMSG;
        return unseal(l->key, BYTES_STRING(a->account), storage_column_bytes(q, 7), key);
}

int ledger_accounts(struct ledger *l,
                    int (*each)(void *userdata, const struct ledger_account *a, struct secret *transport_key),
                    void *userdata)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r = storage_prepare(l->db, &q,
                                "select id, account, uid, name, host, port, hub_key, transport_key, registered, "
                                "generation, received, sequence, enabled, first_use, proxy, bandwidth, main, doubt"
                                " from accounts order by id",
                                "");

        while (r >= 0 && (r = storage_step(q)) > 0) {
                struct ledger_account a;
                struct secret *key;

                r = read_account(l, q, &a, &key);
                if (r < 0) {
                        log_error("The transport key of account %s cannot be opened with this machine's key. Restore "
                                  "relayd's state directory as a whole.",
                                  a.account);
                        return r;
                }
                r = each(userdata, &a, key);
        }
        return ledger_note(l, r);
}

int ledger_add_account(struct ledger *l, struct ledger_account *a, const struct secret *transport_key)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        int r = seal(l->key, BYTES_STRING(a->account), secret_bytes(transport_key), &sealed);

        if (r >= 0)
                r = ledger_join(l);
        if (r < 0)
                return r;
        r = storage_run(
                l->db,
                "insert into accounts (account, uid, name, host, port, hub_key, transport_key, registered, "
                "generation, received, sequence, enabled, first_use, proxy, bandwidth, main, concluded, arrived)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), zeroblob(16), 0)",
                "sissibbibiiiisii", a->account, (int64_t) a->uid, a->address.name, a->address.host,
                (int64_t) a->address.port, a->address.has_key ? BYTES_OF(a->address.key) : BYTES(NULL, 0),
                writer_bytes(&sealed), (int64_t) a->registered, BYTES_OF(a->generation), (int64_t) a->received,
                (int64_t) a->sequence, (int64_t) a->enabled, (int64_t) a->first_use, a->proxy, (int64_t) a->bandwidth,
                a->main);
        if (r >= 0)
                a->id = sqlite3_last_insert_rowid(l->db);
        return ledger_note(l, r);
}

int ledger_remove_account(struct ledger *l, int64_t id)
{
        int r = ledger_join(l);

        return r < 0 ? r : ledger_note(l, storage_run(l->db, "delete from accounts where id = ?", "i", id));
}

int ledger_update_account(struct ledger *l, const struct ledger_account *a)
{
        int r = ledger_join(l);

        if (r < 0)
                return r;
        return ledger_note(l,
                           storage_run(l->db,
                                       "update accounts set hub_key = ?, registered = ?, generation = ?, received = ?, "
                                       "sequence = ?, enabled = ?, first_use = ?, proxy = ?, bandwidth = ?, doubt = ?"
                                       " where id = ?",
                                       "bibiiiisiii", a->address.has_key ? BYTES_OF(a->address.key) : BYTES(NULL, 0),
                                       (int64_t) a->registered, BYTES_OF(a->generation), (int64_t) a->received,
                                       (int64_t) a->sequence, (int64_t) a->enabled, (int64_t) a->first_use, a->proxy,
                                       (int64_t) a->bandwidth, (int64_t) a->doubt, a->id));
}

static int known(struct ledger *l, int64_t account, struct bytes id)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r = storage_prepare(l->db, &q,
                                "select 1 from outbox where account = ?1 and message = ?2 union all"
                                " select 1 from outcomes where account = ?1 and message = ?2",
                                "ib", account, id);

        return r < 0 ? r : storage_step(q);
}

/* 1 if it is new, and the account has one more. */
static int count_new(struct ledger *l, int64_t account, struct bytes id)
{
        int r = ledger_join(l);

        if (r >= 0)
                r = ledger_note(l, known(l, account, id));
        if (r != 0)
                return r < 0 ? r : 0;
        r = ledger_note(l, storage_run(l->db, "update accounts set queued = queued + 1 where id = ?", "i", account));
        return r < 0 ? r : 1;
}

int ledger_note_sent(struct ledger *l, int64_t account, const uint8_t id[static WIRE_MESSAGE_ID_SIZE])
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        struct bytes sent = BYTES(id, WIRE_MESSAGE_ID_SIZE);
        struct reader reader;
        bool later = false;
        int r = storage_prepare(l->db, &q, "select concluded < ? from accounts where id = ?", "bi", sent, account);

        reader_init(&reader, sent);
        if (r >= 0)
                r = storage_step(q);
        if (r > 0)
                later = storage_column_integer(q, 0) != 0;
        if (later)
                r = known(l, account, sent);
        if (r < 0)
                return ledger_note(l, r);
        later = later && r == 0;
        r = ledger_join(l);
        if (r >= 0 && later)
                r = storage_run(l->db, "update accounts set queued = max(queued, ?) where id = ?", "ii",
                                (int64_t) read_u64(&reader), account);
        if (r >= 0)
                r = storage_run(l->db, "update accounts set concluded = max(coalesce(concluded, x''), ?) where id = ?",
                                "bi", sent, account);
        return r < 0 ? ledger_note(l, r) : later;
}

int ledger_queue(struct ledger *l, int64_t account, int64_t link, const struct send *s)
{
        int r = count_new(l, account, BYTES_OF(s->id));

        if (r <= 0)
                return r;
        r = storage_run(l->db,
                        "insert into outbox (account, link, message, recipients, recipient_count, group_name, epoch, "
                        "envelope) values (?, ?, ?, ?, ?, ?, ?, ?)",
                        "iibbibib", account, link, BYTES_OF(s->id), s->recipients, (int64_t) s->recipient_count,
                        s->has_group ? s->group : BYTES(NULL, 0), (int64_t) s->epoch, s->payload);
        return r < 0 ? ledger_note(l, r) : 1;
}

int ledger_queue_for_room(struct ledger *l, int64_t account, struct bytes id, struct bytes body)
{
        int r = count_new(l, account, id);

        if (r <= 0)
                return r;
        r = storage_run(l->db,
                        "insert into outbox (account, link, message, recipients, recipient_count, group_name, epoch, "
                        "envelope, room) values (?1, ?1, ?2, x'', 0, x'', 0, ?3, 1)",
                        "ibb", account, id, body);
        return r < 0 ? ledger_note(l, r) : 1;
}

int ledger_add_way(struct ledger *l, int64_t account, const struct send *s, int64_t link)
{
        return ledger_note(l, storage_run(l->db,
                                          "insert or ignore into ways (envelope, link, recipients, recipient_count)"
                                          " select id, ?, ?, ? from outbox where account = ? and message = ?",
                                          "ibiib", link, s->recipients, (int64_t) s->recipient_count, account,
                                          BYTES_OF(s->id)));
}

/* What lies in the outbox for link ?1, or its row ?3 alone, and could go by ?2. */
#define MOVABLE " link = ?1 and (?3 = 0 or id = ?3) and id in (select envelope from ways where link = ?2)"

int ledger_move(struct ledger *l, int64_t from, int64_t to, int64_t row, bool keep)
{
        static const char back[] = "insert or ignore into ways (envelope, link, recipients, recipient_count)"
                                   " select id, link, recipients, recipient_count from outbox where" MOVABLE,
                          move[] = "update outbox set link = ?2, (recipients, recipient_count) = (select recipients,"
                                   " recipient_count from ways where envelope = outbox.id and link = ?2) where" MOVABLE;
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int moved,
                r = storage_prepare(l->db, &q, "select 1 from outbox where" MOVABLE " limit 1", "iii", from, to, row);

        if (r >= 0)
                r = storage_step(q);
        if (r <= 0)
                return ledger_note(l, r);
        sqlite3_reset(q);
        r = ledger_join(l);
        if (r >= 0 && keep)
                r = storage_run(l->db, back, "iii", from, to, row);
        if (r >= 0)
                r = storage_run(l->db, move, "iii", from, to, row);
        moved = sqlite3_changes(l->db);
        if (r >= 0)
                r = storage_run(
                        l->db, "delete from ways where link = ? and envelope in (select id from outbox where link = ?)",
                        "ii", to, to);
        return r < 0 ? ledger_note(l, r) : moved;
}

int ledger_next_envelope(struct ledger *l, int64_t link, int64_t after,
                         void (*each)(void *userdata, const struct ledger_envelope *e), void *userdata)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        struct ledger_envelope e = { 0 };
        int r = storage_prepare(
                l->db, &q,
                "select id, message, recipients, recipient_count, group_name, epoch, envelope, room from outbox"
                " where link = ? and id > ? order by id limit 1",
                "ii", link, after);

        if (r >= 0)
                r = storage_step(q);
        if (r <= 0)
                return ledger_note(l, r);
        e.row = storage_column_integer(q, 0);
        if (copy_column(q, 1, e.send.id, sizeof(e.send.id)) < 0)
                return -EBADMSG;
        e.send.recipients = storage_column_bytes(q, 2);
        e.send.recipient_count = (unsigned) storage_column_integer(q, 3);
        e.send.group = storage_column_bytes(q, 4);
        e.send.has_group = e.send.group.size > 0;
        e.send.epoch = (uint64_t) storage_column_integer(q, 5);
        e.send.payload = storage_column_bytes(q, 6);
        e.is_for_room = storage_column_integer(q, 7);
        each(userdata, &e);
        return 1;
}

int ledger_conclude(struct ledger *l, int64_t account, int64_t row, const char *result, uint64_t winner,
                    const char *reason)
{
        int r = ledger_join(l);

        if (r >= 0)
                r = ledger_note(
                        l, storage_run(l->db,
                                       "insert into outcomes (account, message, result, winner, reason)"
                                       " select account, message, ?, ?, ? from outbox where id = ? and account = ?",
                                       "sisii", result, (int64_t) winner, reason, row, account));
        if (r >= 0)
                r = ledger_note(l, storage_run(l->db,
                                               "update accounts set concluded = max(concluded, (select message from "
                                               "outbox where outbox.id = ?)) where id = ?",
                                               "ii", row, account));
        return r < 0 ? r : ledger_note(l, storage_run(l->db, "delete from outbox where id = ?", "i", row));
}

int ledger_refuse_all(struct ledger *l, int64_t link, const char *reason)
{
        int r = ledger_join(l);

        if (r >= 0)
                r = storage_run(l->db,
                                "insert into outcomes (account, message, result, winner, reason)"
                                " select account, message, 'refused', 0, ? from outbox where link = ? order by id",
                                "si", reason, link);
        return ledger_note(l, r < 0 ? r : storage_run(l->db, "delete from outbox where link = ?", "i", link));
}

int ledger_next_outcome(struct ledger *l, int64_t account, int64_t after, struct ledger_outcome *out)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r = storage_prepare(l->db, &q,
                                "select id, message, result, winner, reason from outcomes where account = ? and id > ? "
                                "order by id limit 1",
                                "ii", account, after);

        if (r >= 0)
                r = storage_step(q);
        if (r <= 0)
                return ledger_note(l, r);
        *out = (struct ledger_outcome){ .row = storage_column_integer(q, 0),
                                        .winner = (uint64_t) storage_column_integer(q, 3) };
        (void) snprintf(out->result, sizeof(out->result), "%s", storage_column_string(q, 2));
        (void) snprintf(out->reason, sizeof(out->reason), "%s", storage_column_string(q, 4));
        return copy_column(q, 1, out->id, sizeof(out->id)) < 0 ? -EBADMSG : 1;
}

int ledger_drop_outcome(struct ledger *l, int64_t row)
{
        int r = ledger_join(l);

        return r < 0 ? r : ledger_note(l, storage_run(l->db, "delete from outcomes where id = ?", "i", row));
}

int ledger_receive(struct ledger *l, int64_t account, uint64_t sequence, struct bytes envelope)
{
        int r = ledger_join(l);

        if (r < 0)
                return r;
        r = storage_run(l->db, "insert into inbox (account, sequence, envelope) values (?, ?, ?)", "iib", account,
                        (int64_t) sequence, envelope);
        if (r >= 0)
                r = storage_run(l->db, "update accounts set arrived = arrived + 1, held = held + ? where id = ?", "ii",
                                (int64_t) envelope.size, account);
        return ledger_note(l, r);
}

int ledger_next_received(struct ledger *l, int64_t account, uint64_t after, uint64_t *sequence, int *envelope)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int fd, r = storage_prepare(l->db, &q,
                                    "select sequence, envelope from inbox where account = ? and sequence > ? order by "
                                    "sequence limit 1",
                                    "ii", account, (int64_t) after);

        if (r >= 0)
                r = storage_step(q);
        if (r <= 0)
                return ledger_note(l, r);
        r = memfd_make(storage_column_bytes(q, 1), &fd);
        if (r < 0)
                return r;
        *sequence = (uint64_t) storage_column_integer(q, 0);
        *envelope = fd;
        return 1;
}

int ledger_drop_received(struct ledger *l, int64_t account, uint64_t sequence)
{
        int r = ledger_join(l);

        if (r >= 0)
                r = ledger_note(l, storage_run(l->db,
                                               "update accounts set delivered = max(delivered, ?1), held = held - "
                                               "coalesce((select length(envelope) from inbox where account = ?2 and "
                                               "sequence = ?1), 0) where id = ?2",
                                               "ii", (int64_t) sequence, account));
        return r < 0 ? r
                     : ledger_note(l, storage_run(l->db, "delete from inbox where account = ? and sequence = ?", "ii",
                                                  account, (int64_t) sequence));
}

int ledger_note_missed(struct ledger *l, int64_t account, uint64_t count)
{
        int r = ledger_join(l);

        if (r < 0)
                return r;
        return ledger_note(l, storage_run(l->db, "update accounts set arrived = arrived + ? where id = ?", "ii",
                                          (int64_t) count, account));
}

int ledger_count_anew(struct ledger *l, int64_t account)
{
        int r = ledger_join(l);

        if (r < 0)
                return r;
        return ledger_note(l, storage_run(l->db, "update accounts set arrived = in_inbox where id = ?", "i", account));
}

int ledger_witness(struct ledger *l, int64_t account, struct ledger_witness *out)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r = storage_prepare(l->db, &q,
                                "select queued, delivered, coalesce(concluded, zeroblob(16)),"
                                " coalesce(max(arrived - in_inbox, 0), -1) from accounts where id = ?",
                                "i", account);

        if (r >= 0)
                r = storage_step(q);
        if (r <= 0)
                return ledger_note(l, r < 0 ? r : -ENOENT);
        out->queued = (uint64_t) storage_column_integer(q, 0);
        out->delivered = (uint64_t) storage_column_integer(q, 1);
        out->arrived = (uint64_t) storage_column_integer(q, 3);
        return copy_column(q, 2, out->concluded, sizeof(out->concluded));
}

int ledger_count(struct ledger *l, int64_t link, int64_t account, uint32_t *outbox, uint32_t *inbox, uint64_t *held)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r = storage_prepare(l->db, &q,
                                "select (select in_outbox from accounts where id = ?1),"
                                " (select in_inbox from accounts where id = ?2),"
                                " (select held from accounts where id = ?2)",
                                "ii", link, account);

        if (r >= 0)
                r = storage_step(q);
        if (r <= 0)
                return r < 0 ? ledger_note(l, r) : -EIO;
        *outbox = (uint32_t) storage_column_integer(q, 0);
        *inbox = (uint32_t) storage_column_integer(q, 1);
        *held = (uint64_t) storage_column_integer(q, 2);
        return 0;
}
