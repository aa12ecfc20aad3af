/* Filling the preview. See preview.h and preview_ring.h. */
#include <errno.h>
#include <string.h>

#include "authd/preview_ring.h"
#include "authd/vision/picture.h"

static void write_pixels(const struct frame *f, struct slot *s)
{
        for (unsigned y = 0; y < f->height; y++) {
                const uint8_t *from = f->pixels + (size_t) y * f->width * FRAME_CHANNELS;
                uint8_t *to = s->pixels + (size_t) y * STRIDE;

                for (unsigned x = 0; x < f->width; x++, from += FRAME_CHANNELS, to += PIXEL)
                        memcpy(to, (const uint8_t[PIXEL]){ from[0], from[1], from[2], 0xff }, PIXEL);
        }
}

/* Pictures that need scaling are copied first: the face networks see the original. */
static int fit(struct preview *p, const struct frame *f, const struct frame **out)
{
        *out = f;
        if (f->width <= PREVIEW_WIDTH && f->height <= PREVIEW_HEIGHT)
                return 0;
        int r = frame_resize(&p->scaled, f->width, f->height);

        if (r < 0)
                return r;
        memcpy(p->scaled.pixels, f->pixels, frame_size(f));
        *out = &p->scaled;
        return picture_fit(&p->scaled, PREVIEW_WIDTH, PREVIEW_HEIGHT);
}

int preview_show(struct preview *p, const struct frame *f, uint64_t now)
{
        struct header *h = (struct header *) p->ring;
        const struct frame *fitting;

        /* A tenth early is in time: a camera of 15 pictures a second is not to lose every second one to jitter. */
        if (p->newest > 0 && now - p->shown < 1000000 / PREVIEW_RATE * 9 / 10)
                return 0;
        int r = fit(p, f, &fitting);

        if (r < 0)
                return r;
        uint64_t number = ++p->newest;
        struct slot *s = preview_slot(p, number);

        atomic_store_explicit(&s->sequence, 2 * number - 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_release);
        s->time = now;
        s->width = fitting->width;
        s->height = fitting->height;
        write_pixels(fitting, s);
        atomic_store_explicit(&s->sequence, 2 * number, memory_order_release);
        atomic_store_explicit(&h->newest, number, memory_order_release);
        p->shown = now;
        return 0;
}
