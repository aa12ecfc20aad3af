/* What members say of a message, all of it together. */
#pragma once

#include "cryptod/conversation/annotation.h"

struct said {
        struct annotation *reactions; /* of each member who has any */
        size_t reaction_count;
        unsigned delivered, read; /* how many members have got it, and have read it */
        bool pinned;
};

/* Fills @out, which is empty, about a message that was read; said_release() is due in any case. What
 * annotation_of_message() and annotation_read() return. */
int said_of(struct vault *v, const struct message *message, struct said *out);
void said_release(struct said *s);
