/* See frame.h. */
#include "frame.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

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

static void store_u32(uint8_t *out, uint32_t v)
{
        v = htobe32(v);
        memcpy(out, &v, sizeof(v));
}

void frame_header(uint8_t type, uint32_t request, size_t body_size, uint8_t out[static FRAME_HEADER_SIZE])
{
        assert(body_size <= FRAME_LENGTH_MAX - FRAME_LENGTH_MIN);
        store_u32(out, (uint32_t) (FRAME_LENGTH_MIN + body_size));
        out[FRAME_LENGTH_SIZE] = type;
        store_u32(out + FRAME_LENGTH_SIZE + 1, request);
}

void frame_write(struct writer *w, uint8_t type, uint32_t request, struct bytes body)
{
        uint8_t header[FRAME_HEADER_SIZE];

        frame_header(type, request, body.size, header);
        write_fixed(w, BYTES_OF(header));
        write_fixed(w, body);
}
