/* A frame: what travels inside TLS, in both directions.
 *
 *     struct {
 *             uint32 length;      the bytes that follow: 5 to FRAME_LENGTH_MAX
 *             uint8  type;        enum frame_type
 *             uint32 request;     chosen by the client, repeated in the answer; 0 in events
 *             opaque body[length - 5];
 *     } Frame;
 *
 * docs/wire-protocol.md is the specification; message.h, chunk.h and room.h have the bodies. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "services/bytes.h"

enum {
        FRAME_HEADER_SIZE = 9,
        FRAME_LENGTH_SIZE = 4,
        FRAME_LENGTH_MIN = 5,
        FRAME_LENGTH_MAX = 1024 * 1024 + 128 * 1024, /* a payload of 1 MiB and 1024 recipients */
        FRAME_LENGTH_MAX_UNPROVEN = 4096,            /* what the hub reads before it knows who speaks */
};

/* Requests have the top two bits clear, their answers are the same number with the top bit set, events have 0x40 set.
 */
enum frame_type {
        FRAME_HELLO = 0x01,
        FRAME_REGISTER = 0x02,
        FRAME_AUTHENTICATE = 0x03,
        FRAME_PUBLISH_KEY_PACKAGES = 0x04,
        FRAME_CLAIM_KEY_PACKAGE = 0x05,
        FRAME_SEND = 0x06,
        FRAME_FETCH = 0x07,
        FRAME_ACK = 0x08,
        FRAME_PING = 0x09,
        FRAME_DELETE_ACCOUNT = 0x0a,
        FRAME_PUT_CHUNK = 0x0b,
        FRAME_HAVE_CHUNKS = 0x0c,
        FRAME_GET_CHUNK = 0x0d,
        FRAME_DROP_CHUNKS = 0x0e,
        FRAME_LIST_ROOMS = 0x0f,
        FRAME_FETCH_ROOM = 0x10,
        FRAME_SEND_TO_ROOM = 0x11,

        FRAME_ENTRY = 0x41,
        FRAME_KEY_PACKAGES_LOW = 0x42,
        FRAME_GOING_AWAY = 0x43,

        FRAME_ANSWER = 0x80, /* or-ed to the request's type */
        FRAME_ERROR = 0xff,
};

struct frame {
        uint8_t type;
        uint32_t request;
        struct bytes body;
};

/* Takes the frame at the start of @input apart. Returns 1, sets *@out (the body is a view into @input) and sets *@size
 * to its whole size, header included; 0 if bytes are missing, with *@size as the size that is needed at least;
 * -EMSGSIZE if its length is more than @length_max; -EBADMSG if it is less than FRAME_LENGTH_MIN. */
int frame_parse(struct bytes input, size_t length_max, struct frame *out, size_t *size);

/* What stands before a body of @body_size bytes, at most FRAME_LENGTH_MAX - FRAME_LENGTH_MIN: an assertion, its maker
 * checks. */
void frame_header(uint8_t type, uint32_t request, size_t body_size, uint8_t out[static FRAME_HEADER_SIZE]);

/* Appends a frame to @w. */
void frame_write(struct writer *w, uint8_t type, uint32_t request, struct bytes body);
