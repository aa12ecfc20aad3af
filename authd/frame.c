/* One picture in memory. */
#include "authd/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t frame_size(const struct frame *f)
{
        return (size_t) f->width * f->height * FRAME_CHANNELS;
}

int frame_resize(struct frame *f, unsigned width, unsigned height)
{
        if (width < FRAME_SIDE_MIN || width > FRAME_SIDE_MAX || height < FRAME_SIDE_MIN || height > FRAME_SIDE_MAX)
                return -EINVAL;
        if (f->width == width && f->height == height)
                return 0;
        frame_release(f);
        f->pixels = malloc((size_t) width * height * FRAME_CHANNELS);
        if (!f->pixels)
                return -ENOMEM;
        f->width = width;
        f->height = height;
        return 0;
}

void frame_release(struct frame *f)
{
        if (f->pixels)
                explicit_bzero(f->pixels, frame_size(f));
        free(f->pixels);
        *f = (struct frame){ 0 };
}
