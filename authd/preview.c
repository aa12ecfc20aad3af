/* See preview.h. A sequence lock a slot (Boehm, Can seqlocks get along with programming language memory models?, 2012).
 */
#include "authd/preview.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "authd/preview_ring.h"
#include "services/cleanup.h"

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
        if (p->ring == MAP_FAILED || fcntl(p->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
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

int preview_attach(int fd, struct preview **out)
{
        struct preview *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        p->size = FIRST + (size_t) PREVIEW_SLOTS * STEP;
        p->fd = fd;
        p->ring = mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p->ring == MAP_FAILED) {
                int r = -errno;

                free(p);
                return r;
        }
        *out = p;
        return 0;
}

int preview_seal(struct preview *p)
{
        return fcntl(p->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0 ? -errno : 0;
}

int preview_fd(const struct preview *p)
{
        return p->fd;
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

void preview_wipe(struct preview *p)
{
        struct header *h = (struct header *) p->ring;

        atomic_store_explicit(&h->newest, 0, memory_order_release);
        for (unsigned i = 1; i <= PREVIEW_SLOTS; i++) {
                struct slot *s = preview_slot(p, i);

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
