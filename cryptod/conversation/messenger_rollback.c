/* See messenger.h: a vault that was put back from an older copy.
 *
 * Its groups have keys and nonces in them that were used since. relayd counts what it has got from this account and
 * what it has delivered; a vault that knows of less than that is old. Then nothing is sent or opened with what it has:
 * the groups, the key packages and what waits to be sent are erased, and the conversations start anew. */
#include <errno.h>

#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "services/cleanup.h"
#include "services/storage.h"

static int64_t ask(struct messenger *m, const char *sql)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(m->vault), &s, sql, "");

        if (r >= 0)
                r = storage_step(s);
        return r <= 0 ? r : storage_column_integer(s, 0);
}

/* Of all envelopes that there ever were: their numbers are given out once (AUTOINCREMENT). */
#define QUEUED "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'outbox'"

static int erase_groups(struct messenger *m, struct conversation *c)
{
        int r = 0;

        if (!c->memberships)
                return 0;
        for (struct membership *g = c->memberships; r >= 0 && g; g = g->next)
                r = membership_erase(m->vault, g);
        if (r >= 0 && c->kind == CONVERSATION_ROOM) {
                c->rejoin = true;
                r = conversation_store(m->vault, c);
        } else if (r >= 0) {
                r = messenger_fail_waiting(m, c);
        }
        if (r < 0)
                return r;
        return notice_add(m, c,
                          c->kind == CONVERSATION_PERSON
                                  ? "The state of this account was put back from an older copy. What came and "
                                    "went since then is not here, and the keys of that time are not used again: "
                                    "the conversation starts anew."
                          : c->kind == CONVERSATION_ROOM
                                  ? "The state of this account was put back from an older copy, so its keys for this "
                                    "room are not used again; it is joined anew."
                                  : "The state of this account was put back from an older copy, so its keys for "
                                    "this conversation are not used again. Ask a member to remove you and to add "
                                    "you again.");
}

/* What waits was sent already, or is encrypted with keys that were used for something else. */
static int erase_outbox(struct messenger *m)
{
        sqlite3 *db = vault_database(m->vault);
        int r = storage_run(db, "UPDATE message SET state = ? WHERE id IN (SELECT message FROM outbox)", "i",
                            (int64_t) MESSAGE_FAILED);

        return r < 0 ? r : storage_run(db, "DELETE FROM outbox", "");
}

/* From here on the vault knows as much as relayd does. */
static int catch_up(struct messenger *m, uint64_t queued, uint64_t delivered)
{
        sqlite3 *db = vault_database(m->vault);
        int r = storage_run(db, "UPDATE inbox SET last = MAX(last, ?)", "i", (int64_t) delivered);

        if (r >= 0)
                r = storage_run(db,
                                "INSERT INTO sqlite_sequence SELECT 'outbox', 0 WHERE NOT EXISTS"
                                " (SELECT 1 FROM sqlite_sequence WHERE name = 'outbox')",
                                "");
        return r < 0 ? r
                     : storage_run(db, "UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = 'outbox'", "i",
                                   (int64_t) queued);
}

static int start_anew(struct messenger *m, uint64_t queued, uint64_t delivered)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        for (struct conversation *c = m->conversations; r >= 0 && c; c = c->next)
                r = erase_groups(m, c);
        if (r >= 0)
                r = key_packages_erase(m->vault);
        if (r >= 0)
                r = erase_outbox(m);
        if (r >= 0)
                r = catch_up(m, queued, delivered);
        return messenger_end(m, NULL, r);
}

int messenger_witness(struct messenger *m, uint64_t queued, uint64_t delivered)
{
        int64_t own_queued = ask(m, QUEUED), own_delivered = ask(m, "SELECT last FROM inbox");
        int r;

        if (own_queued < 0 || own_delivered < 0)
                return (int) (own_queued < 0 ? own_queued : own_delivered);
        if (queued <= (uint64_t) own_queued && delivered <= (uint64_t) own_delivered)
                return 0;
        if (queued > INT64_MAX || delivered > INT64_MAX)
                return -EINVAL;
        r = start_anew(m, queued, delivered);
        if (r < 0)
                return r;
        for (struct conversation *c = m->conversations; c; c = c->next) {
                c->rejoin = (c->kind == CONVERSATION_PERSON && c->memberships) ||
                            (c->kind == CONVERSATION_ROOM && c->rejoin);
                while (c->memberships)
                        conversation_detach(c, c->memberships);
        }
        return 1;
}

const char *messenger_next_rejoin(struct messenger *m)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                bool rejoin = c->rejoin && c->kind == CONVERSATION_PERSON;

                if (rejoin)
                        c->rejoin = false;
                if (rejoin && c->standing.approval == APPROVAL_GIVEN && !c->standing.blocked)
                        return c->address;
        }
        return NULL;
}
