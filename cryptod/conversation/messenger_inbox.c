/* See messenger.h and messenger_inbox.h: an envelope comes, and goes where it belongs. */
#include <errno.h>

#include "cryptod/conversation/messenger_inbox.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/parcel.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"

void inbox_log_refusal(const struct messenger *m, const char *what, int error)
{
        const char *why = error == -EKEYREJECTED      ? "its sender has another root key than the one that is known"
                          : error == -EALREADY        ? "it came before"
                          : error == -ESTALE          ? "its epoch is over and its keys are erased"
                          : error == -EAGAIN          ? "its epoch has not come"
                          : error == -ENOENT          ? "it is for a group or a key package that is not ours"
                          : error == -EPROTONOSUPPORT ? "it is of a kind that is not known here"
                          : error == -EKEYREVOKED     ? "it removes this device from its group"
                          : error == -EPERM           ? "its sender is not the author of what it would change"
                          : error == -EOPNOTSUPP      ? "what it would change cannot be changed"
                          : error == -E2BIG           ? "there are too many of its kind already"
                          : error == -EMSGSIZE        ? "its group would be larger than what can be kept"
                                                      : "it is malformed or forged";

        vault_log(m->vault, LOG_WARNING, "%s was refused: %s.", what, why);
}

int inbox_last(struct messenger *m, uint64_t *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(m->vault), &s, "SELECT last FROM inbox", "");

        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                *out = (uint64_t) storage_column_integer(s, 0);
        return r < 0 ? r : r == 0 ? -EBADMSG : 0;
}

int inbox_note(struct messenger *m, uint64_t sequence)
{
        return storage_run(vault_database(m->vault), "UPDATE inbox SET last = ?, arrived = arrived + 1", "i",
                           (int64_t) sequence);
}

int inbox_skip(struct messenger *m, uint64_t sequence)
{
        int r = messenger_begin(m);

        return r < 0 ? r : messenger_end(m, NULL, inbox_note(m, sequence));
}

int inbox_refuse(struct messenger *m, uint64_t sequence, const char *what, int error)
{
        inbox_log_refusal(m, what, error);
        return inbox_skip(m, sequence);
}

bool inbox_is_passing(int error)
{
        return error == -EIO || error == -EBUSY || error == -ENOMEM || error == -ENOSPC || error == -EROFS;
}

/* A group that could not be read back when a transaction had failed is tried again, so that nothing that is for it is
 * taken for somebody else's. */
static int reload_missing(struct messenger *m)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                for (struct membership *g = c->memberships; g; g = g->next) {
                        int r = g->group ? 0 : membership_load(m->vault, g);

                        if (inbox_is_passing(r)) /* one that is damaged for good must not hold up the others */
                                return r;
                }
        }
        return 0;
}

struct membership *messenger_group(struct messenger *m, struct bytes group_id, struct conversation **c)
{
        for (*c = m->conversations; *c; *c = (*c)->next) {
                for (struct membership *g = (*c)->memberships; g; g = g->next) {
                        if (g->group && bytes_equal(membership_group_id(g), group_id))
                                return g;
                }
        }
        return NULL;
}

static int open_envelope(struct bytes envelope, struct arrival *a, struct parcel *parcel)
{
        int r;

        a->is_of_room = room_entry_is(envelope);
        r = a->is_of_room ? room_entry_read(envelope, &a->entry) : parcel_read(envelope, parcel);
        if (r < 0)
                return r;
        a->message = a->is_of_room ? a->entry.payload : parcel->message;
        return message_peek(a->message, &a->peek);
}

static int deliver(struct messenger *m, uint64_t sequence, struct bytes envelope)
{
        struct arrival a = { 0 };
        struct conversation *c;
        struct parcel parcel = { 0 };
        uint64_t last;
        int r = inbox_last(m, &last);

        if (r >= 0)
                r = reload_missing(m);
        if (r < 0)
                return r;
        if (sequence <= last)
                return 0;
        r = open_envelope(envelope, &a, &parcel);
        if (r >= 0 && a.peek.wire_format == WIRE_FORMAT_WELCOME && !a.is_of_room)
                return inbox_receive_welcome(m, sequence, a.message);
        if (r >= 0 && parcel.welcome.size > 0 && !messenger_group(m, a.peek.group_id, &c))
                return inbox_receive_welcome(m, sequence, parcel.welcome);
        if (r >= 0 &&
            (a.peek.wire_format == WIRE_FORMAT_PRIVATE_MESSAGE || a.peek.wire_format == WIRE_FORMAT_PUBLIC_MESSAGE))
                return inbox_receive_message(m, sequence, &a);
        return inbox_refuse(m, sequence, "An envelope", r < 0 ? r : -EPROTONOSUPPORT);
}

int messenger_deliver(struct messenger *m, uint64_t sequence, struct bytes envelope)
{
        int r = deliver(m, sequence, envelope);

        return r < 0 ? r : messenger_follow_openings(m);
}
