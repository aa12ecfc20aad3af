/* The way from the hub: each chunk is compared with its name and put in its place in the spool. What is in the spool
 * after a restart is compared in the same way. */
#include "services/cleanup.h"
#include "spool.h"
#include "transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CHECKS_MAX = 16 }; /* chunks of the spool that are compared in one turn */

static bool has_name(const struct transfer *t, uint32_t index, struct bytes content)
{
        uint8_t name[CHUNK_NAME_SIZE];

        return chunk_name_of(content, name) >= 0 &&
               memcmp(name, t->names + (size_t) index * CHUNK_NAME_SIZE, CHUNK_NAME_SIZE) == 0;
}

/* How much of a chunk the spool's file may hold; 0 if it is not so long. */
static size_t size_in_spool(const struct transfer *t, uint32_t index)
{
        uint64_t start = (uint64_t) index * CHUNK_SIZE_MAX;
        struct stat st;

        if (fstat(t->fd, &st) < 0 || (uint64_t) st.st_size <= start)
                return 0;
        uint64_t size = (uint64_t) st.st_size - start;

        if (size >= CHUNK_SIZE_MAX)
                return CHUNK_SIZE_MAX;
        return index + 1 == t->count && chunk_size_valid(size) ? (size_t) size : 0;
}

static void look_into_spool(struct transfer *t, uint32_t index)
{
        size_t size = size_in_spool(t, index);
        _cleanup_free_ uint8_t *content = size > 0 ? malloc(size) : NULL;

        t->parts[index] = PART_MISSING;
        if (content && spool_read(t->fd, content, size, (uint64_t) index * CHUNK_SIZE_MAX) >= 0 &&
            has_name(t, index, BYTES(content, size)))
                transfer_part_done(t, index, size);
}

/* Looks at all that nothing is known of, some in each turn. True when that is done. */
static bool look(struct transfer *t)
{
        for (unsigned i = 0; t->cursor < t->count; t->cursor++) {
                if (t->parts[t->cursor] != PART_UNKNOWN)
                        continue;
                if (size_in_spool(t, t->cursor) > 0 && i++ == CHECKS_MAX) {
                        account_wake(t->account);
                        return false;
                }
                look_into_spool(t, t->cursor);
        }
        t->cursor = 0;
        t->looked = true;
        return true;
}

bool download_step(struct transfer *t)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        if (!t->looked && !look(t))
                return false;
        while (t->cursor < t->count && t->parts[t->cursor] >= PART_UNDER_WAY)
                t->cursor++;
        if (t->cursor == t->count || !transfer_may_move(t) || link_room(t->account->link) == 0)
                return false;
        write_chunk_name(&body, t->names + (size_t) t->cursor * CHUNK_NAME_SIZE);
        return transfer_ask(t, FRAME_GET_CHUNK, &body, t->cursor, 1);
}

void download_answered(struct transfer *t, uint32_t index, struct bytes answer)
{
        struct bytes content;
        int r;

        if (read_chunk_content(answer, &content) < 0 || !has_name(t, index, content) ||
            (index + 1 < t->count && content.size != CHUNK_SIZE_MAX)) {
                transfer_give_up(t,
                                 "The hub delivered something else than chunk %u of the file; try again, and ask its "
                                 "owner to look at its disk.",
                                 index + 1);
                t->parts[index] = PART_MISSING;
                return;
        }
        r = spool_write(t->fd, content, (uint64_t) index * CHUNK_SIZE_MAX);
        if (r < 0) {
                t->parts[index] = PART_MISSING;
                transfer_give_up(t,
                                 r == -ENOSPC ? "The disk that holds relayd's spool is full (%s). Make room on it and "
                                                "resume."
                                              : "The file could not be written to relayd's spool: %s.",
                                 strerror(-r));
                return;
        }
        transfer_part_moved(t, index, content.size);
}
