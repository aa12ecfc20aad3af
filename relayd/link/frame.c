/* See frame.h. */
#include "frame.h"

#include <assert.h>
#include <errno.h>

int frame_parse(struct bytes input, size_t length_max, struct frame *out, size_t *size)
{
        struct reader r;

        if (input.size < FRAME_LENGTH_SIZE) {
                *size = FRAME_HEADER_SIZE;
                return 0;
        }
        reader_init(&r, input);
        uint32_t length = read_u32(&r);

        if (length < FRAME_LENGTH_MIN)
                return -EBADMSG;
        if (length > length_max)
                return -EMSGSIZE;
        *size = FRAME_LENGTH_SIZE + (size_t) length;
        if (input.size < *size)
                return 0;

        struct frame f = { .type = read_u8(&r), .request = read_u32(&r) };

        f.body = read_fixed(&r, length - FRAME_LENGTH_MIN);
        *out = f;
        return 1;
}

void frame_write(struct writer *w, uint8_t type, uint32_t request, struct bytes body)
{
        assert(body.size <= FRAME_LENGTH_MAX - FRAME_LENGTH_MIN);
        write_u32(w, (uint32_t) (FRAME_LENGTH_MIN + body.size));
        write_u8(w, type);
        write_u32(w, request);
        write_fixed(w, body);
}
