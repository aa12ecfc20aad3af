/* What logind says about the machine and its sessions: accounts lock before it sleeps, and when their owner locks a
 * session of theirs.
 *
 *     delay inhibitor held ── PrepareForSleep(true): everything is locked, then it is closed ──▶ the machine sleeps
 *             ▲                                                                                        │
 *             └───────────────────────── PrepareForSleep(false): it is taken again ◀───────────────────┘
 *
 * Without logind there is nothing to hear, and nothing fails. */
#pragma once

#include "cryptod/cryptod.h"

int logind_watch(struct cryptod *c);
