/* Where a hub listens: sockets that it is given, or one that it makes. */
#pragma once

#include "services/address.h"

/* Reads "host:port". A sentence has been logged on error. */
int listening_parse(const char *text, struct address *out);

/* A new socket that listens at @a. A sentence has been logged on error. */
int listening_open(const struct address *a, int *out);

/* The sockets that systemd, or the hub that this one follows, has handed over (sd_listen_fds(3)), made non-blocking:
 * how many; the first is SD_LISTEN_FDS_START. -EINVAL if one is something else; a sentence has been logged. */
int listening_inherited(void);
