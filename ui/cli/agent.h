/* What stays behind after `visavis login`: a process that holds the unlock and shares it with the person's later
 * commands.
 *
 * An unlock belongs to a bus name and ends when that name leaves the bus, so some process has to stay. The agent holds
 * no key, only its place on the bus. It listens on a socket in the person's runtime directory; a command of the same
 * Unix user (SO_PEERCRED) writes its own bus name there, and the agent asks cryptod to grant it the unlock. It ends
 * when the account locks.
 *
 * The socket is $XDG_RUNTIME_DIR/visavis/ID, else under /run/user/UID, else under /tmp/visavis-UID: a directory that is
 * the person's and closed to others, or it is not used. ID: the first half of the account's id. */
#pragma once

#include <systemd/sd-bus.h>

struct agent;

/* Opens the socket for the account with this @id and @path, which @bus holds unlocked, and serves it in the event loop
 * that @bus is attached to; from then on commands find it. A second login takes the socket over from the first. Errors:
 * what mkdir(2), bind(2) say; -EPERM if the directory is not the person's alone, -ENAMETOOLONG. */
int agent_new(sd_bus *bus, const char *id, const char *path, struct agent **out);

/* Closes the socket and removes it if it is still this agent's. Returns NULL. */
struct agent *agent_free(struct agent *a);

/* Asks the agent of the account to share the unlock with @bus, and waits for it, at most some seconds. -ENOENT if no
 * agent listens, -EACCES if the grant failed. */
int agent_ask_grant(sd_bus *bus, const char *id);
