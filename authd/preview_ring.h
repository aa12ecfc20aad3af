/* What the preview's ring is made of: shared by who makes it (preview.c) and who fills it (preview_show.c). */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "authd/preview.h"

enum { PIXEL = 4, STRIDE = PREVIEW_WIDTH * PIXEL, FIRST = 4096, STEP = (64 + STRIDE * PREVIEW_HEIGHT + 4095) & ~4095 };

struct header {
        char magic[8];
        uint32_t width, height, stride, slots, first, step;
        _Atomic uint64_t newest;
        uint8_t zero[24];
};

struct slot {
        _Atomic uint64_t sequence;
        uint64_t time;
        uint32_t width, height;
        uint8_t zero[40];
        uint8_t pixels[];
};

_Static_assert(sizeof(struct header) == 64 && sizeof(struct slot) == 64, "docs/dbus/auth1.md says so");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the ring is little-endian");

struct preview {
        int fd;
        uint8_t *ring;
        size_t size;
        uint64_t newest, shown;
        struct frame scaled; /* preview_show.c */
};

static inline struct slot *preview_slot(const struct preview *p, uint64_t number)
{
        return (struct slot *) (p->ring + FIRST + (number - 1) % PREVIEW_SLOTS * STEP);
}
