/* See messenger.h: what became of what we have sent. */
#include <errno.h>

#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/unsent.h"
#include "services/cleanup.h"
#include "services/storage.h"

struct membership *messenger_stored_group(struct messenger *m, int64_t id, struct conversation **c)
{
        for (*c = m->conversations; *c; *c = (*c)->next) {
                for (struct membership *g = (*c)->memberships; g; g = g->next) {
                        if (g->id == id && g->group)
                                return g;
                }
        }
        return NULL;
}

/* It is encrypted anew when there is a group again. */
static int wait_again(struct messenger *m, const struct conversation *c, uint64_t id)
{
        _cleanup_(message_release) struct message message = { 0 };
        int r = history_get(m->vault, conversation_id(c), id, &message);

        return r <= 0 ? r : unsent_add(m->vault, conversation_id(c), id, message.encoded);
}

/* A receipt may have been faster than the outcome. */
static int message_outcome(struct messenger *m, uint64_t message, enum message_state state)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct conversation *c;
        int r = storage_prepare(vault_database(m->vault), &s,
                                "SELECT conversation FROM message WHERE id = ? AND state = ?", "ii", (int64_t) message,
                                (int64_t) MESSAGE_QUEUED);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        c = messenger_find(m, storage_column_bytes(s, 0));
        r = history_set_state(m->vault, message, state);
        if (r >= 0 && c && state == MESSAGE_UNSENT)
                r = wait_again(m, c, message);
        if (r >= 0 && c)
                messenger_tell_changed(m, c, message, state);
        return r;
}

static bool is_awaited(const struct membership *g, struct bytes id)
{
        return bytes_equal(BYTES_OF(g->pending), id);
}

/* Of what changes our place in a room: our joining, our leaving, a commit of ours, or anything if we are outside. */
static int room_outcome(struct messenger *m, struct conversation *c, struct membership *g, enum outcome outcome)
{
        if (g->wanted.leave)
                return messenger_gone(m, c, g);
        if (outcome == OUTCOME_OUTSIDE || (g->wanted.joining && outcome == OUTCOME_STALE))
                return messenger_fallen_out(m, c, g);
        if (g->wanted.joining)
                return outcome == OUTCOME_STORED ? messenger_joined(m, c, g) : messenger_shut_out(m, c, g);
        if (!group_has_pending(g->group))
                return 0;
        return outcome == OUTCOME_STORED ? messenger_accepted(m, c, g)
                                         : messenger_refused(m, c, g, outcome == OUTCOME_STALE, true);
}

/* Of the commit by which we come into a group. */
static int entrance_outcome(struct messenger *m, struct conversation *c, struct membership *g, const struct envelope *e,
                            enum outcome outcome)
{
        _cleanup_writer_ struct writer members = WRITER_INIT;
        int r;

        if (outcome == OUTCOME_REFUSED && e->recipients.size > 0)
                return messenger_commit_alone(m, g, e);
        if (outcome != OUTCOME_STORED)
                return messenger_not_entered(m, c, g, outcome == OUTCOME_STALE);
        messenger_members(m, g, &members);
        r = messenger_tell_others(m, g, writer_bytes(&members), writer_bytes(&members));
        return r < 0 ? r : messenger_joined(m, c, g);
}

int messenger_outcome(struct messenger *m, struct bytes id, enum outcome outcome)
{
        _cleanup_(envelope_release) struct envelope e = { 0 };
        struct conversation *c = NULL;
        struct membership *g = NULL;
        bool winner_comes = true;
        int under_way = 0;
        int r = outbox_find(m->vault, id, &e);

        if (r <= 0)
                return r;
        if (e.membership != 0)
                g = messenger_stored_group(m, e.membership, &c);
        if (g && !e.is_for_room) {
                _cleanup_writer_ struct writer slot = WRITER_INIT;

                membership_slot(g, &slot);
                winner_comes = bytes_equal(writer_bytes(&slot), e.group);
        }
        r = messenger_begin(m);
        if (r < 0)
                return r;
        if (g && e.is_for_room && (outcome == OUTCOME_OUTSIDE || is_awaited(g, id)))
                r = room_outcome(m, c, g, outcome);
        else if (g && g->wanted.joining && is_awaited(g, id))
                r = entrance_outcome(m, c, g, &e, outcome);
        else if (g && group_has_pending(g->group) && is_awaited(g, id)) /* no other commit has come between */
                r = outcome == OUTCOME_STORED ? messenger_accepted(m, c, g)
                    : outcome == OUTCOME_REFUSED && c->kind == CONVERSATION_GROUP && e.recipients.size > 0 &&
                                    g->wanted.added.size == 0
                            ? messenger_commit_alone(m, g, &e)
                            : messenger_refused(m, c, g, outcome == OUTCOME_STALE, winner_comes);
        else if (e.membership == 0 && !e.is_for_room && outcome == OUTCOME_REFUSED)
                r = under_way = messenger_undelivered(m, &e);
        if (outcome == OUTCOME_STORED && e.membership == 0 && !e.is_for_room)
                messenger_delivered(m, &e);
        if (r >= 0 && e.message != 0 && !(under_way > 0))
                r = message_outcome(m, e.message,
                                    outcome == OUTCOME_STORED    ? MESSAGE_STORED
                                    : outcome == OUTCOME_OUTSIDE ? MESSAGE_UNSENT
                                                                 : MESSAGE_FAILED);
        if (r >= 0)
                r = outbox_remove(m->vault, id);
        return messenger_end(m, g, r);
}
