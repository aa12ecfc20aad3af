/* A chunk desk: the chunks that one link has asked for and has not been given yet. Its owner hands them out in the
 * order of asking, one at a time and only while the link has room, so that a slow reader costs the hub one chunk's
 * memory, however much it asks for, and what else goes to that reader waits behind one chunk at most. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "relayd/link/chunk.h"

/* All zero is an empty one. */
struct chunk_desk {
        struct chunk_wish *first, *last;
        unsigned count;
};

/* Queues a wish; its owner bounds their number. -ENOMEM. */
int chunk_desk_ask(struct chunk_desk *d, uint32_t request, const uint8_t name[static CHUNK_NAME_SIZE]);

/* Takes the oldest wish. False if there is none. */
bool chunk_desk_take(struct chunk_desk *d, uint32_t *request, uint8_t name[static CHUNK_NAME_SIZE]);

/* Forgets all wishes. */
void chunk_desk_clear(struct chunk_desk *d);
