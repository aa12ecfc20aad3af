/* See transfer_rows.h. */
#include "transfer_rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "relayd/link/chunk.h"
#include "services/storage.h"

static int read_row(sqlite3_stmt *q, struct transfer_row *out)
{
        struct bytes transfer = storage_column_bytes(q, 2);

        *out = (struct transfer_row){
                .id = storage_column_integer(q, 0),
                .account = storage_column_integer(q, 1),
                .upload = storage_column_integer(q, 3),
                .course = (enum transfer_course) storage_column_integer(q, 4),
                .paused = storage_column_integer(q, 5),
                .size = (uint64_t) storage_column_integer(q, 6),
                .names = storage_column_bytes(q, 7),
        };
        if (transfer.size != sizeof(out->transfer) || out->names.size == 0 || out->names.size % CHUNK_NAME_SIZE != 0 ||
            out->course > TRANSFER_GIVEN_UP)
                return -EBADMSG;
        memcpy(out->transfer, transfer.data, transfer.size);
        (void) snprintf(out->reason, sizeof(out->reason), "%s", storage_column_string(q, 8));
        return 0;
}

int transfer_rows(struct ledger *l, int (*each)(void *userdata, const struct transfer_row *row), void *userdata)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r = storage_prepare(ledger_database(l), &q,
                                "select id, account, transfer, upload, state, paused, size, names, reason"
                                " from transfers order by id",
                                "");

        while (r >= 0 && (r = storage_step(q)) > 0) {
                struct transfer_row row;

                r = read_row(q, &row);
                if (r >= 0)
                        r = each(userdata, &row);
        }
        return ledger_note(l, r);
}

int transfer_row_add(struct ledger *l, struct transfer_row *row)
{
        int r = ledger_join(l);

        if (r < 0)
                return r;
        r = storage_run(ledger_database(l),
                        "insert into transfers (account, transfer, upload, state, paused, size, names, reason)"
                        " values (?, ?, ?, ?, ?, ?, ?, ?)",
                        "ibiiiibs", row->account, BYTES_OF(row->transfer), (int64_t) row->upload, (int64_t) row->course,
                        (int64_t) row->paused, (int64_t) row->size, row->names, row->reason);
        if (r >= 0)
                row->id = sqlite3_last_insert_rowid(ledger_database(l));
        return ledger_note(l, r);
}

int transfer_row_update(struct ledger *l, const struct transfer_row *row)
{
        int r = ledger_join(l);

        if (r < 0)
                return r;
        return ledger_note(l,
                           storage_run(ledger_database(l),
                                       "update transfers set state = ?, paused = ?, size = ?, reason = ? where id = ?",
                                       "iiisi", (int64_t) row->course, (int64_t) row->paused, (int64_t) row->size,
                                       row->reason, row->id));
}

int transfer_row_remove(struct ledger *l, int64_t id)
{
        int r = ledger_join(l);

        return r < 0 ? r
                     : ledger_note(l, storage_run(ledger_database(l), "delete from transfers where id = ?", "i", id));
}
