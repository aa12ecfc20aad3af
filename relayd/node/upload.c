/* The way to the hub: which chunks it has is asked for many at a time; those that it does not have are sent. */
#include "services/cleanup.h"
#include "spool.h"
#include "transfer.h"

#include <string.h>

/* From the cursor on, as far as nothing is known. */
static bool ask_what_is_there(struct transfer *t)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        uint32_t n = 0;

        while (t->cursor + n < t->count && n < CHUNK_NAMES_MAX && t->parts[t->cursor + n] == PART_UNKNOWN)
                n++;
        write_chunk_names(&body, BYTES(t->names + (size_t) t->cursor * CHUNK_NAME_SIZE, (size_t) n * CHUNK_NAME_SIZE));
        return transfer_ask(t, FRAME_HAVE_CHUNKS, &body, t->cursor, n);
}

static bool put(struct transfer *t, uint32_t index)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        size_t size = transfer_part_size(t, index);
        uint8_t *content;

        write_fixed(&body, BYTES(t->names + (size_t) index * CHUNK_NAME_SIZE, CHUNK_NAME_SIZE));
        write_varint(&body, (uint32_t) size);
        content = writer_append(&body, size);
        if (!content)
                return false;
        int r = spool_read(t->fd, content, size, (uint64_t) index * CHUNK_SIZE_MAX);

        if (r < 0) {
                transfer_give_up(t, "The file cannot be read from relayd's spool: %s. Send it again.", strerror(-r));
                return false;
        }
        return transfer_ask(t, FRAME_PUT_CHUNK, &body, index, 1);
}

bool upload_step(struct transfer *t)
{
        while (t->cursor < t->count && t->parts[t->cursor] >= PART_UNDER_WAY)
                t->cursor++;
        if (t->cursor == t->count || t->parts[t->cursor] == PART_ASKED)
                return false;
        if (t->parts[t->cursor] == PART_UNKNOWN)
                return ask_what_is_there(t);
        return transfer_may_move(t) && link_has_bulk_room(t->account->link) && put(t, t->cursor);
}

void upload_answered(struct transfer *t, enum frame_type type, uint32_t first, uint32_t count, struct bytes answer)
{
        struct bytes there;

        if (type == FRAME_PUT_CHUNK) {
                transfer_part_moved(t, first, transfer_part_size(t, first));
                return;
        }
        if (read_chunks_there(answer, &there) < 0 || there.size != count) {
                transfer_give_up(t, "The hub answered with something that is not in the protocol.");
                return;
        }
        for (uint32_t i = 0; i < count; i++) {
                if (t->parts[first + i] == PART_ASKED)
                        t->parts[first + i] = PART_MISSING;
                if (there.data[i] == 1)
                        transfer_part_done(t, first + i, transfer_part_size(t, first + i));
        }
}
