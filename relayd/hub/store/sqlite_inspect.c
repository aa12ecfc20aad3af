/* What a hub's owner can see, for a person. */
#include "sqlite.h"

#include <inttypes.h>
#include <stdlib.h>

#include "services/cleanup.h"
#include "services/text.h"

static int inspect_mailboxes(struct store *s, FILE *f)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(s->db, &q,
                                "select a.name, " STORE_MAILBOX_COUNTS ", m.transport_key,"
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

static int inspect_rooms(struct store *s, FILE *f)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(s->db, &q,
                                "select r.name, r.group_id, r.epoch, length(r.group_info),"
                                " (select group_concat(a.name, ' ') from room_members m, accounts a"
                                "  where m.room = r.id and a.id = m.mailbox),"
                                " (select group_concat(d.name, ' ') from room_departed d where d.room = r.id)"
                                " from rooms r order by r.name",
                                "");

        fprintf(f, "rooms\n");
        while (e >= 0 && (e = storage_step(q)) > 0) {
                _cleanup_free_ char *group = hex_encode(storage_column_bytes(q, 1));

                fprintf(f, "  %s: group %s, epoch %" PRId64 ", GroupInfo of %" PRId64 " bytes; in it: %s; gone: %s\n",
                        storage_column_string(q, 0), group ? group : "", storage_column_integer(q, 2),
                        storage_column_integer(q, 3), storage_column_string(q, 4), storage_column_string(q, 5));
        }
        return e;
}

static int inspect_chunks(struct store *s, FILE *f)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(s->db, &q,
                                "select c.name, c.size, coalesce(a.name, 'an account that is gone') from chunks c"
                                " left join accounts a on a.id = c.owner order by c.id",
                                "");

        fprintf(f, "chunks of files\n");
        while (e >= 0 && (e = storage_step(q)) > 0) {
                _cleanup_free_ char *name = hex_encode(storage_column_bytes(q, 0));

                fprintf(f, "  %s: %" PRId64 " bytes, put by %s\n", name ? name : "", storage_column_integer(q, 1),
                        storage_column_string(q, 2));
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
        if (e >= 0)
                e = inspect_rooms(s, f);
        if (e >= 0)
                e = inspect_chunks(s, f);
        if (e < 0)
                store_log_failure(s->db, e);
        return e;
}
