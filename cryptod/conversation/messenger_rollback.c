/* See messenger.h: a vault that was put back from an older copy, or of which some groups cannot be read.
 *
 * Its groups have keys and nonces in them that were used since. relayd counts what it has got from this account and
 * what it has delivered; a vault that knows of less than that is old. Then nothing is sent or opened with what it has:
 * the groups, the key packages and what waits to be sent are erased, and the conversations start anew.
 *
 * A group that cannot be read is damaged, or its keys (cells.h) are not of the same time as the database, both having
 * been copied one after the other. It is erased as well, and its conversation starts anew. */
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

#define OLDER "The state of this account was put back from an older copy, or it was away for too long"
#define DAMAGED "The keys of this conversation are damaged, or of another time than the rest of the account"

static const char *remark(const struct conversation *c, bool damaged)
{
        if (c->kind == CONVERSATION_PERSON)
                return damaged ? DAMAGED ". It starts anew."
                               : OLDER ". What came and went since then is not here, and the keys of that time are not "
                                       "used again: the conversation starts anew.";
        if (c->rejoin)
                return damaged ? DAMAGED "; it is joined anew."
                               : OLDER ", so its keys for this conversation are not used again; it is joined anew.";
        return damaged ? DAMAGED ". Ask a member to remove you and to add you again."
                       : OLDER ", so its keys for this conversation are not used again. Ask a member to remove you and "
                               "to add you again.";
}

static int erase_groups(struct messenger *m, struct conversation *c, bool damaged)
{
        int r = 0;

        if (!c->memberships)
                return 0;
        for (struct membership *g = c->memberships; r >= 0 && g; g = g->next)
                r = membership_erase(m->vault, g);
        if (r >= 0 && c->kind == CONVERSATION_ROOM)
                c->rejoin = true;
        else if (r >= 0 && c->kind == CONVERSATION_GROUP && c->memberships->group && !c->memberships->wanted.leave)
                c->rejoin = c->memberships->wanted.joining || messenger_return(m, c, c->memberships) >= 0;
        if (r >= 0 && c->kind != CONVERSATION_ROOM)
                r = messenger_note_lost(m, c, true);
        if (r >= 0)
                r = c->rejoin ? conversation_store(m->vault, c) : messenger_fail_waiting(m, c);
        if (r < 0)
                return r;
        return notice_add(m, c, "%s", remark(c, damaged));
}

/* What is erased on disk is gone from memory, too. */
static void leave_groups(struct conversation *c)
{
        if (c->kind == CONVERSATION_PERSON)
                c->rejoin = c->memberships != NULL;
        while (c->memberships)
                conversation_detach(c, c->memberships);
}

static bool is_damaged(const struct conversation *c)
{
        for (const struct membership *g = c->memberships; g; g = g->next) {
                if (!g->group)
                        return true;
        }
        return false;
}

static int erase_damaged(struct messenger *m)
{
        int r = vault_begin(m->vault);

        if (r < 0)
                return r;
        for (struct conversation *c = m->conversations; r >= 0 && c; c = c->next) {
                if (is_damaged(c))
                        r = erase_groups(m, c, true);
        }
        if (r >= 0)
                r = key_packages_erase(m->vault); /* whose keys are in the same file */
        if (r < 0)
                vault_rollback(m->vault);
        else
                r = vault_commit(m->vault);
        m->event_count = 0; /* nobody listens yet */
        return r;
}

int messenger_mend(struct messenger *m)
{
        int r = 0;

        for (struct conversation *c = m->conversations; c; c = c->next)
                m->mended |= is_damaged(c);
        if (m->mended)
                r = erase_damaged(m);
        for (struct conversation *c = m->conversations; r >= 0 && c; c = c->next) {
                if (is_damaged(c))
                        leave_groups(c);
        }
        return r;
}

bool messenger_was_mended(struct messenger *m)
{
        bool mended = m->mended;

        m->mended = false;
        return mended;
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
static int catch_up(struct messenger *m, const struct witness *w)
{
        int r = storage_run(vault_database(m->vault), "UPDATE inbox SET last = MAX(last, ?), arrived = 0", "i",
                            (int64_t) w->delivered);

        return r < 0 ? r : outbox_catch_up(m->vault, w->queued, w->sent);
}

static int start_anew(struct messenger *m, const struct witness *w)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        for (struct conversation *c = m->conversations; r >= 0 && c; c = c->next)
                r = erase_groups(m, c, false);
        if (r >= 0)
                r = messenger_entrances_anew(m);
        if (r >= 0)
                r = key_packages_erase(m->vault);
        if (r >= 0)
                r = erase_outbox(m);
        if (r >= 0)
                r = catch_up(m, w);
        return messenger_end(m, NULL, r);
}

/* 1, 0, or an error. */
static int is_older(struct messenger *m, const struct witness *w)
{
        int64_t queued = ask(m, QUEUED), delivered = ask(m, "SELECT last FROM inbox"),
                arrived = ask(m, "SELECT COALESCE(arrived, 0) FROM inbox");
        int known = w->sent.size > 0 ? outbox_knows(m->vault, w->sent) : 1;

        if (queued < 0 || delivered < 0 || arrived < 0 || known < 0)
                return -EIO; /* the log has more */
        return w->queued > (uint64_t) queued || w->delivered > (uint64_t) delivered ||
               w->arrived > (uint64_t) arrived || known == 0;
}

int messenger_witness(struct messenger *m, const struct witness *w)
{
        int r = is_older(m, w);

        if (r <= 0)
                return r;
        if (w->queued > INT64_MAX || w->delivered > INT64_MAX)
                return -EINVAL;
        r = start_anew(m, w);
        if (r < 0)
                return r;
        for (struct conversation *c = m->conversations; c; c = c->next)
                leave_groups(c);
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
