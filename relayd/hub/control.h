/* The control socket: how the hub's owner looks at it and rules it (docs/admin.md has the protocol).
 *
 *     connect ─▶ one line (control_request.h), for backup with a file descriptor ─▶ JSON objects, a line each ─▶ end
 *
 * The last object is {"end":true}, or an error: {"error":"NotFound","text":"…"}. Whatever takes its time (counting,
 * listing, a backup) is done by an errand in a thread beside the loop, a connection each. */
#pragma once

#include "hub.h"

struct control;

struct control_settings {
        const char *path;      /* of the socket */
        bool group;            /* the group that the hub runs as is let in, beside root and the hub's user */
        const char *directory; /* of the state */
        const char *address;   /* what people are given */
        uint64_t since_usec;   /* CLOCK_REALTIME: when the hub was started */
};

/* Listens; all that @settings points to, and @h, must outlive it. What is at the path from an earlier hub is replaced.
 * -ENAMETOOLONG (108 bytes are room for the path), or errors of bind(2). */
int control_new(sd_event *event, struct hub *h, const struct control_settings *settings, struct control **out);

/* Ends what is under way, closes and deletes the socket. Returns NULL. */
struct control *control_free(struct control *c);
