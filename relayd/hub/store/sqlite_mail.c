/* Mailboxes: a payload is kept once, a mailbox is a narrow index into the payloads, and a group has an epoch. */
#include "sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

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

int store_mailbox_named(struct store *s, struct bytes name, struct mailbox **out)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_MAILBOX_NAMED);

        *out = mailbox_by_name(s->mailboxes, name);
        if (*out)
                return 0;
        bind_text(q, 1, name);
        return load_mailbox(s, q, out);
}

int store_mailbox_of_id(struct store *s, int64_t id, struct mailbox **out)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_MAILBOX_BY_ID);

        *out = mailbox_by_id(s->mailboxes, id);
        if (*out)
                return 0;
        bind_integer(q, 1, id);
        return load_mailbox(s, q, out);
}

int store_save_mailboxes(struct store *s)
{
        struct mailbox *m;
        int e = 0;

        while (e >= 0 && (m = mailbox_take_dirty(s->mailboxes))) {
                _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_MAILBOX_SAVE);

                bind_integer(q, 1, m->id);
                bind_integer(q, 2, (int64_t) m->sequence);
                e = storage_step(q);
        }
        return e;
}

bool store_has_room(const struct store *s, const struct mailbox *m, size_t payload)
{
        return m->entries < s->limits.mailbox_entries && m->bytes + (int64_t) payload <= s->limits.mailbox_bytes;
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
                int e = store_mailbox_named(s, name, &m);

                if (e == -ENOENT) {
                        r->result = STORE_UNKNOWN;
                        store_set_subject(r, name);
                        return 0;
                }
                if (e < 0)
                        return e;
                if (m->send == s->sends)
                        continue;
                m->send = s->sends;
                if (!store_has_room(s, m, r->send.payload.size)) {
                        r->result = STORE_QUOTA;
                        store_set_subject(r, name);
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
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_GROUP);
        int e;

        if (r->send.epoch >= INT64_MAX) {
                r->result = STORE_STALE;
                return 0;
        }
        for (unsigned i = 0; i < COUNT_OF(attempts); i++) {
                _cleanup_query_ sqlite3_stmt *attempt = store_query(s, attempts[i]);

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
        _cleanup_query_ sqlite3_stmt *add = store_query(s, Q_ENTRY_ADD);
        struct mailbox *m;
        int e = store_mailbox_of_id(s, receipt->mailbox, &m);

        if (e < 0)
                return e;
        receipt->sequence = ++m->sequence;
        m->entries++;
        m->bytes += (int64_t) r->send.payload.size;
        bind_integer(add, 1, m->id);
        bind_integer(add, 2, (int64_t) m->sequence);
        bind_integer(add, 3, body);
        bind_integer(add, 4, (int64_t) r->send.payload.size);
        bind_integer(add, 5, r->receipt_count > 1);
        bind_integer(add, 6, now);
        return storage_step(add);
}

int store_fan_out(struct store *s, struct store_request *r, int64_t now)
{
        _cleanup_query_ sqlite3_stmt *add = store_query(s, Q_BODY_ADD), *readers = store_query(s, Q_READERS_ADD);
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
int store_remember_sent(struct store *s, struct store_request *r, int64_t now, int64_t *row)
{
        _cleanup_query_ sqlite3_stmt *remember = store_query(s, Q_SENT_ADD);
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
        *row = sqlite3_last_insert_rowid(s->db);
        return 1;
}

int store_forget_sent(struct store *s, int64_t row)
{
        _cleanup_query_ sqlite3_stmt *forget = store_query(s, Q_SENT_DROP);

        bind_integer(forget, 1, row);
        return storage_step(forget);
}

int store_run_send(struct store *s, struct store_request *r)
{
        int64_t now = now_usec(), row;
        int e = store_remember_sent(s, r, now, &row);

        if (e <= 0)
                return e;
        e = find_receivers(s, r);
        if (e >= 0 && r->result == STORE_DONE && r->send.has_group)
                e = move_group(s, r, now);
        if (e >= 0 && r->result == STORE_DONE)
                return r->receipt_count > 0 ? store_fan_out(s, r, now) : 0;
        r->receipt_count = 0;
        return e < 0 ? e : store_forget_sent(s, row);
}

static int less_readers(struct store *s, int64_t body, unsigned readers)
{
        _cleanup_query_ sqlite3_stmt *less = store_query(s, Q_READERS_LESS), *none = store_query(s, Q_READERS_DROP),
                                     *drop = store_query(s, Q_BODY_DROP);
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
int store_drop_bodies(struct store *s)
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
                        _cleanup_query_ sqlite3_stmt *drop = store_query(s, Q_BODY_DROP);

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

int store_drop_entries(struct store *s, int64_t mailbox, int64_t sequence, int64_t before, unsigned count)
{
        int64_t bytes = 0, last = 0;
        struct mailbox *m;
        unsigned n = 0;
        int e = store_mailbox_of_id(s, mailbox, &m);

        if (e >= 0 && s->freed_count + count > FREED_MAX)
                e = store_drop_bodies(s);
        if (e >= 0) {
                _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_ENTRY_OLDEST);

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
                _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_ENTRIES_DROP);

                bind_integer(q, 1, mailbox);
                bind_integer(q, 2, last);
                e = storage_step(q);
                m->entries -= n;
                m->bytes -= bytes;
                if (m->entries == 0)
                        mailbox_touch(s->mailboxes, m);
        }
        return e < 0 ? e : (int) n;
}

int store_run_ack(struct store *s, struct store_request *r)
{
        int64_t sequence = r->sequence > INT64_MAX ? INT64_MAX : (int64_t) r->sequence;
        int n;

        do
                n = store_drop_entries(s, r->mailbox, sequence, INT64_MAX, STORE_STEP);
        while (n == STORE_STEP);
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

int store_expire_entries(struct store *s, int64_t now)
{
        int64_t before = now - (int64_t) s->limits.retention_usec, mailbox = s->expire_mailbox;
        unsigned budget = STORE_STEP;
        int e = 1;

        for (unsigned seen = 0; seen < STORE_STEP && budget > 0; seen++) {
                e = next_mailbox(s, &mailbox);
                if (e <= 0)
                        break;
                int n = store_drop_entries(s, mailbox, INT64_MAX, before, budget);

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
                store_log_failure(s->reader, e);
        return e;
}
