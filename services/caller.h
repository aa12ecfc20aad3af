/* Who sent a message, as the bus itself reports it; nothing that the caller says of itself is used. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

struct caller {
        char name[256]; /* unique bus name */
        uid_t uid;
        pid_t pid; /* for the log only: process ids are reused */
};

/* Fills @out from the bus's credentials for the sender of @m; the loop's thread alone may call it. Errors: what
 * sd_bus_query_sender_creds(3) returns. */
int caller_of(sd_bus_message *m, struct caller *out);
