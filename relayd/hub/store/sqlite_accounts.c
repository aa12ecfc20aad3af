/* Who is who: accounts and their key packages. */
#include "sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/seal.h"

/* 1 if somebody has the name that @r asks for; else 0, and @r says so. */
static int find_account(struct store *s, struct store_request *r, struct mailbox **out)
{
        int e = store_mailbox_named(s, r->name, out);

        if (e != -ENOENT)
                return e < 0 ? e : 1;
        r->result = STORE_UNKNOWN;
        store_set_subject(r, r->name);
        return 0;
}

static int stock_of(struct store *s, int64_t mailbox, uint32_t *out)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_STOCK);
        int r;

        bind_integer(q, 1, mailbox);
        r = storage_step(q);
        if (r <= 0)
                return r < 0 ? r : -EIO;
        *out = (uint32_t) storage_column_integer(q, 0);
        return 0;
}

int store_run_register(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *find = store_query(s, Q_ACCOUNT), *account = store_query(s, Q_ACCOUNT_ADD),
                                     *mailbox = store_query(s, Q_MAILBOX_ADD);
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
                        store_set_subject(r, r->name);
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
                store_set_subject(r, r->name);
                return 0;
        }
        id = sqlite3_last_insert_rowid(s->db);
        e = r->policy == STORE_INVITED ? store_use_invitation(s, r) : 1;
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

static int column_copy(sqlite3_stmt *q, int column, uint8_t *out, size_t size)
{
        struct bytes b = storage_column_bytes(q, column);

        if (b.size != size)
                return -EBADMSG;
        memcpy(out, b.data, size);
        return 0;
}

static int marks_of(struct store *s, const struct mailbox *m, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_MAILBOX_MARKS);
        int e;

        bind_integer(q, 1, m->id);
        e = storage_step(q);
        if (e <= 0)
                return e < 0 ? e : -EIO;
        memset(r->sent, 0, sizeof(r->sent));
        (void) column_copy(q, 0, r->sent, sizeof(r->sent)); /* of none, it is empty */
        r->gone = sqlite3_column_type(q, 1) == SQLITE_NULL ? m->sequence : (uint64_t) storage_column_integer(q, 1) - 1;
        return 0;
}

int store_run_look_up(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_ACCOUNT);
        struct mailbox *m;
        int e = find_account(s, r, &m);

        if (e <= 0)
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
        e = marks_of(s, m, r);
        return e < 0 ? e : stock_of(s, r->mailbox, &r->key_packages);
}

static int add_package(struct store *s, int64_t mailbox, bool last_resort, struct bytes package)
{
        _cleanup_query_ sqlite3_stmt *drop = store_query(s, Q_PACKAGE_DROP_LAST), *add = store_query(s, Q_PACKAGE_ADD);
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

int store_run_publish(struct store *s, struct store_request *r)
{
        uint32_t stock, adding = 0;
        struct bytes package;
        struct reader reader;
        struct mailbox *m;
        bool last_resort, anew = false;
        int e = store_mailbox_of_id(s, r->mailbox, &m);

        if (e == -ENOENT) /* deleted meanwhile */
                r->result = STORE_UNKNOWN;
        if (e < 0)
                return e == -ENOENT ? 0 : e;
        e = stock_of(s, r->mailbox, &stock);
        if (e < 0)
                return e;
        reader_init(&reader, r->packages);
        while (key_package_next(&reader, &last_resort, &package)) {
                adding += !last_resort;
                anew = anew || last_resort;
        }
        if (anew)
                stock = 0;
        r->key_packages = stock;
        if (stock + adding > s->limits.key_packages) {
                r->result = STORE_QUOTA;
                return 0;
        }
        if (anew)
                e = storage_run(s->db, "delete from key_packages where mailbox = ?", "i", r->mailbox);
        if (e < 0)
                return e;
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

int store_run_claim(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *take = store_query(s, Q_PACKAGE_TAKE), *last = store_query(s, Q_PACKAGE_LAST);
        int e = store_run_look_up(s, r);

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
        store_set_subject(r, r->name);
        r->result = STORE_EMPTY;
        return e;
}

/* All that an account has goes at once; its name stays taken for a time, so that nobody gets what was meant for it. */
int store_run_delete(struct store *s, struct store_request *r)
{
        _cleanup_free_ char *name = strndup((const char *) r->name.data, r->name.size);
        struct mailbox *m;
        int e = name ? find_account(s, r, &m) : -ENOMEM, n;

        if (e <= 0)
                return e;
        r->mailbox = m->id;
        do
                n = store_drop_entries(s, m->id, INT64_MAX, INT64_MAX, STORE_STEP);
        while (n == STORE_STEP);
        if (n < 0)
                return n;
        mailbox_forget(s->mailboxes, m);
        e = store_leave_rooms(s, r->mailbox, name);
        if (e >= 0)
                e = storage_run(s->db, "delete from key_packages where mailbox = ?", "i", r->mailbox);
        if (e >= 0)
                e = storage_run(s->db, "delete from sent where mailbox = ?", "i", r->mailbox);
        if (e >= 0)
                e = storage_run(s->db, "delete from mailboxes where id = ?", "i", r->mailbox);
        if (e >= 0)
                e = storage_run(s->db, "update accounts set deleted = ? where name = ?", "is", now_usec(), name);
        return e;
}
