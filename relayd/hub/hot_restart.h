/* A hot restart: after SIGUSR2 the hub ends in order, and its program, perhaps a newer one by now, is started in the
 * same process on the same listening sockets. Who connects meanwhile waits in their queues and is not refused.
 *
 * Under systemd the sockets are systemd's, which keeps them over a restart anyhow; there the signal does nothing. */
#pragma once

#include <stdbool.h>

#include "hub.h"

/* Notes by which path the program was started; to be called first in main(). */
void hot_restart_prepare(void);

/* Waits for the signal. @h must outlive @event's loop. */
int hot_restart_on_signal(sd_event *event, struct hub *h);

/* When all has ended: starts the program if the signal came. Returns false if it did not, true if that failed. */
bool hot_restart(char *argv[]);
