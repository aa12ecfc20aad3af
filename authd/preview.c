/* See preview.h. A sequence lock a slot (Boehm, Can seqlocks get along with programming language memory models?, 2012).
 */
#include "authd/preview.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "authd/vision/picture.h"
#include "services/cleanup.h"

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
        struct frame scaled;
};

static struct slot *slot_of(const struct preview *p, uint64_t number)
{
        return (struct slot *) (p->ring + FIRST + (number - 1) % PREVIEW_SLOTS * STEP);
}

int preview_new(struct preview **out)
{
        struct preview *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        p->size = FIRST + (size_t) PREVIEW_SLOTS * STEP;
        p->fd = memfd_create("visavis-preview", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        p->ring = MAP_FAILED;
        if (p->fd >= 0 && ftruncate(p->fd, (off_t) p->size) >= 0)
                p->ring = mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
        if (p->ring == MAP_FAILED ||
            fcntl(p->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
                int r = -errno;

                preview_free(p);
                return r;
        }
        struct header *h = (struct header *) p->ring;

        memcpy(h->magic, "VVPRVW01", sizeof(h->magic));
        h->width = PREVIEW_WIDTH;
        h->height = PREVIEW_HEIGHT;
        h->stride = STRIDE;
        h->slots = PREVIEW_SLOTS;
        h->first = FIRST;
        h->step = STEP;
        *out = p;
        return 0;
}

int preview_open(const struct preview *p, int *out)
{
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", p->fd);
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        *out = fd;
        return 0;
}

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
        struct slot *s = slot_of(p, number);

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

void preview_wipe(struct preview *p)
{
        struct header *h = (struct header *) p->ring;

        atomic_store_explicit(&h->newest, 0, memory_order_release);
        for (unsigned i = 1; i <= PREVIEW_SLOTS; i++) {
                struct slot *s = slot_of(p, i);

                /* Untouched pages stay untouched: a ring that nobody filled takes no memory. */
                if (atomic_load_explicit(&s->sequence, memory_order_relaxed) == 0)
                        continue;
                atomic_store_explicit(&s->sequence, 1, memory_order_relaxed);
                atomic_thread_fence(memory_order_release);
                explicit_bzero((uint8_t *) s + sizeof(s->sequence), STEP - sizeof(s->sequence));
        }
}

struct preview *preview_free(struct preview *p)
{
        if (!p)
                return NULL;
        if (p->ring != MAP_FAILED) {
                preview_wipe(p);
                munmap(p->ring, p->size);
        }
        if (p->fd >= 0)
                close(p->fd);
        frame_release(&p->scaled);
        free(p);
        return NULL;
}
