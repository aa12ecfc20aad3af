/* The peer that shows what the disk and SQLite leave to a hub: its schema and its statements, in groups of the same
 * size on the same disk, from a loop that has nothing else to do. */
#pragma once

#include "bench/hub/traffic.h"

/* Stores messages for @seconds and drops each a group later, @group a transaction. @directory is an empty one. */
struct flow sqlite_peer(const char *directory, unsigned group, double seconds);

/* Stores messages for @seconds for one of @mailboxes at random, which nobody empties. */
struct flow sqlite_peer_crowd(const char *directory, unsigned group, unsigned mailboxes, double seconds);
