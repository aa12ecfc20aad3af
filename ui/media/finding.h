/* What was found in a picture, a video or a recording, and how the confined program that looked (inspect.c) writes it
 * down, in the presentation language of RFC 9420 §2.1:
 *
 *     struct {
 *         uint8 version = 1;
 *         uint8 kind;                   0: nothing that is known; 1 a picture, 2 a video, 3 a recording
 *         uint32 width, height;         as it is shown, in pixels; 0: not known
 *         uint32 duration;              in milliseconds; 0: not known
 *         opaque levels<V>;             of a recording: how loud it is, at most 64 levels from its beginning to its end
 *         uint16 shown_width, shown_height;
 *         opaque pixels[3 * shown_width * shown_height];    R, G, B; nothing if both are 0
 *     } Finding; */
#pragma once

#include <stdint.h>

#include "services/bytes.h"

enum { FINDING_SIDE_MAX = 2048, FINDING_LEVELS_MAX = 64 };

enum finding_kind { FINDING_NONE, FINDING_PICTURE, FINDING_VIDEO, FINDING_RECORDING };

struct finding {
        enum finding_kind kind;
        uint32_t width, height, duration;
        uint8_t levels[FINDING_LEVELS_MAX];
        unsigned level_count;
        uint16_t shown_width, shown_height;
        uint8_t *pixels; /* malloc(3); NULL if there is nothing to show */
};

void finding_release(struct finding *f);

void finding_write(const struct finding *f, struct writer *w);

/* Of whoever may have been taken over by what it looked at: nothing in it is believed but that it is a picture of at
 * most @side by @side pixels and some numbers. -EBADMSG if it is not that. -ENOMEM. */
int finding_read(struct bytes input, unsigned side, struct finding *out);
