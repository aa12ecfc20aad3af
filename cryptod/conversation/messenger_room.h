/* Rooms: open groups that a hub keeps (docs/wire-protocol.md), joined by an external commit.
 *
 *     messenger_join_room ─▶ joining ─┬─ stored ──▶ in it ── outside ──▶ to be joined again
 *             ▲                       ├─ stale ───────────────────────────────┐
 *             └─ messenger_next_room ◀┴─ (the state is fetched anew) ◀────────┘
 *
 * What is written while it is joined waits. Nobody is added or removed by hand, and a room's name is the hub's. */
#pragma once

#include "cryptod/conversation/messenger.h"
#include "cryptod/conversation/room.h"

/* The conversation of a room by its name, without the #; NULL: it was never joined. */
struct conversation *messenger_room(struct messenger *m, struct bytes name);

/* Whether the hub has accepted that we are in it. */
bool messenger_is_in_room(const struct conversation *c);

/* Joins a room whose state the hub has just said (@state: the body of the answer to FETCH_ROOM), or begins its group if
 * nobody is in it; when it returns, the commit is on disk. One that we are in is no error. Errors: -EINVAL: the name is
 * none; -EBUSY: we are leaving it; -EBADMSG: the state is forged or malformed, or another room's; -EPROTONOSUPPORT:
 * another cipher suite; -EMSGSIZE: it is too large. */
int messenger_join_room(struct messenger *m, struct bytes name, struct bytes state, uint64_t now,
                        struct conversation **out);

/* The name, without the #, of a room that is to be joined again since the hub or the others have gone on without us;
 * NULL: none. It is named until it has been joined or messenger_forgo_room() is called. */
const char *messenger_next_room(const struct messenger *m);

/* The room @name cannot be joined; the conversation says so, and what waits in it has failed. */
int messenger_forgo_room(struct messenger *m, const char *name);

/* @names (between spaces) have gone from the room to which the envelope @id was sent, and have a leaf there: commits
 * their removal. To be told before the envelope's outcome. 0 also if it is none of a room. */
int messenger_departed(struct messenger *m, struct bytes id, const char *names);
