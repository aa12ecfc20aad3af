/* What an application message says, inside of its encryption:
 *
 *     struct {
 *         uint8 version = 1;
 *         uint8 kind;              1: text
 *         uint64 time;             microseconds since 1970, by the sender's clock
 *         opaque text<V>;          UTF-8, 1 to 65536 bytes
 *     } Content; */
#pragma once

#include <stdint.h>

#include "services/bytes.h"

enum { CONTENT_TEXT = 1, CONTENT_TEXT_MAX = 65536 };

struct content {
        uint64_t time;
        struct bytes text;
};

void content_write(struct writer *w, const struct content *c);

/* As views. -EBADMSG, -EPROTONOSUPPORT for another version or kind. */
int content_read(struct bytes input, struct content *out);
