/* What the buffers of all links may hold together, so that no number of slow readers and half frames takes all memory.
 *
 * A link's share of what waits for its reader shrinks as memory fills up (an eighth of what is left), so some is always
 * left for those who do read. What finds no room stays in the store, and its link waits. If memory is overdrawn, or if
 * links have waited for PRESSURE_PATIENCE_USEC, the link that holds most is ended: it comes back and asks again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "relayd/link/channel.h"

enum { PRESSURE_PATIENCE_USEC = 5 * 1000 * 1000 };

struct pressure;

struct pressure_handlers {
        void (*evict)(void *userdata);  /* end the link that holds most */
        void (*resume)(void *userdata); /* there is room again for those who wait */
};

/* @limit: bytes; 0: no limit. @handlers must outlive it, and are called from the loop. -ENOMEM. */
int pressure_new(sd_event *event, size_t limit, const struct pressure_handlers *handlers, void *userdata,
                 struct pressure **out);

/* When all channels that use its budget are gone. */
struct pressure *pressure_free(struct pressure *p);

void pressure_set_limit(struct pressure *p, size_t limit);

/* For channel_set_budget(). */
struct channel_budget *pressure_budget(struct pressure *p);

/* What one link may have queued for its reader before more is pushed: CHANNEL_ROOM to CHANNEL_OUTPUT_HIGH. */
size_t pressure_share(const struct pressure *p);

/* True if @bytes more fit in. Else resume() is called when there is room. */
bool pressure_has_room(struct pressure *p, size_t bytes);

size_t pressure_used(const struct pressure *p);
