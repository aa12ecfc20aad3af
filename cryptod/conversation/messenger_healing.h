/* What could not be decrypted, or never came, is asked for and sent again.
 *
 *     lost ── noted, said in the history ──▶ due ── messenger_heal() ──▶ one question to all: what is here since when
 *                                             ▲                              │ each sends their own messages again,
 *                                             └── lost again ────────────────┘ to who has asked, as they were sent,
 *                                                                              and how many: said in the history
 *
 * Everybody speaks for themselves alone, so what comes again is as surely theirs as it was the first time, has the same
 * id, and stands in the history once. Sent again is what its author still has, has not deleted or edited, and said
 * while who asks was a member. docs/decisions/what-was-lost-is-asked-for.md */
#pragma once

#include "cryptod/conversation/messenger.h"

/* Asks where it is time to. *wait: after how many seconds there will be something again; 0: when something comes. */
int messenger_heal(struct messenger *m, uint64_t *wait);
