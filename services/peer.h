/* A peer: the one daemon that may use an interface, known by the Unix user that it runs as. The bus policy says the
 * same; but a policy can be edited, and this cannot. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "config.h"

struct peer {
        uid_t uid;
        char trusted[256]; /* the unique name that was last seen to be its user's */
};

/* Sets the user from the setting @key of section [peers]. -ENOENT if there is no such user, or an errno of getpwnam(3);
 * a sentence has been logged. */
int peer_configure(struct peer *p, const struct config *c, const char *key);

/* 0 if the peer has sent @m; else an AccessDenied with @refusal, a sentence, is set in @error and its negative errno
 * returned, or what caller_of() returns. */
int peer_check(struct peer *p, sd_bus_message *m, const char *refusal, sd_bus_error *error);
