/* A store for the parts of a group's state, in memory; it counts what is written. Whatever goes wrong in here fails the
 * test. */
#pragma once

#include "cryptod/mls/group.h"

struct disk_part {
        uint8_t id[GROUP_PART_ID_MAX];
        size_t id_size;
        bool secret;
        struct writer content;
};

struct disk {
        struct disk_part *parts; /* by ascending ids */
        size_t count;
        size_t puts, drops, bytes; /* since disk_save() was called last */
};

/* Saves what has changed in @g. */
void disk_save(struct disk *d, struct group *g);

/* All of it, as group_read() takes it. */
struct writer disk_content(const struct disk *d);

/* Forgets all. */
void disk_release(struct disk *d);
