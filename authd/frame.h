/* A frame: one picture from a camera, BGR with 8 bits a channel, row after row without gaps. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { FRAME_SIDE_MIN = 64, FRAME_SIDE_MAX = 4096, FRAME_CHANNELS = 3 };

struct frame {
        unsigned width, height; /* pixels; 0 for a frame that holds nothing yet */
        uint8_t *pixels;        /* width * height * 3 bytes, owned */
};

#define _cleanup_frame_ __attribute__((cleanup(frame_release)))

/* Makes room for @width x @height pixels; what the frame held is lost. -EINVAL if a side is not within FRAME_SIDE_MIN
 * and FRAME_SIDE_MAX, -ENOMEM. */
int frame_resize(struct frame *f, unsigned width, unsigned height);

/* Wipes and frees the pixels: they show a person. The frame is empty afterwards. */
void frame_release(struct frame *f);

/* The number of bytes that the pixels take. */
size_t frame_size(const struct frame *f);

#ifdef __cplusplus
}
#endif
