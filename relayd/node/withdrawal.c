/* See withdrawal.h. */
#include "withdrawal.h"

#include "services/cleanup.h"
#include "services/storage.h"

int withdrawal_note(struct transfer *t)
{
        struct ledger *l = t->account->node->ledger;
        int r = ledger_join(l);

        for (uint32_t i = 0; r >= 0 && i < t->count; i += CHUNK_NAMES_MAX) {
                uint32_t n = t->count - i < CHUNK_NAMES_MAX ? t->count - i : CHUNK_NAMES_MAX;

                r = ledger_note(
                        l, storage_run(ledger_database(l), "insert into withdrawals (account, names) values (?, ?)",
                                       "ib", t->row.account,
                                       BYTES(t->names + (size_t) i * CHUNK_NAME_SIZE, (size_t) n * CHUNK_NAME_SIZE)));
        }
        return r;
}

/* A hub that does not want to drop them is not asked again; one that cannot now is, with the next link. */
static void on_answered(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct account *a = userdata;
        struct ledger *l = a->node->ledger;

        if (error && error->failure != LINK_REFUSED)
                return; /* the link goes down */
        if (error && (error->code == WIRE_ERROR_STORAGE || error->code == WIRE_ERROR_BUSY ||
                      error->code == WIRE_ERROR_TOO_FAST)) {
                account_break_link(a, error->sentence);
                return;
        }
        if (ledger_join(l) < 0 || ledger_note(l, storage_run(ledger_database(l), "delete from withdrawals where id = ?",
                                                             "i", a->withdrawing)) < 0) {
                account_break_link(a, ledger_describe(l));
                return;
        }
        a->withdrawing = 0;
        account_wake(a);
}

bool withdrawal_step(struct account *a)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct ledger *l = a->node->ledger;
        int r;

        if (a->withdrawing != 0)
                return true;
        r = storage_prepare(ledger_database(l), &q,
                            "select id, names from withdrawals where account = ? order by id limit 1", "i", a->row.id);
        if (r >= 0)
                r = storage_step(q);
        if (r <= 0)
                return ledger_note(l, r) < 0;
        write_chunk_names(&body, storage_column_bytes(q, 1));
        if (writer_finish(&body) >= 0 &&
            link_request(a->link, FRAME_DROP_CHUNKS, writer_bytes(&body), on_answered, a) >= 0)
                a->withdrawing = storage_column_integer(q, 0);
        return true;
}
