/* The reader of the preview ring: the input is the whole memfd. Every byte of a picture that is taken is looked at, so
 * that a read beyond the ring is seen. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ui/client/preview.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sums what was taken, where no optimiser can drop it. */
static volatile uint8_t sum;

static void look_at(const struct preview_picture *p)
{
        for (uint32_t y = 0; y < p->height; y++)
                for (uint32_t x = 0; x < p->width * 4; x++)
                        sum += p->pixels[(size_t) y * p->stride + x];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        struct preview_picture picture;
        struct preview *p = NULL;

        if (fd < 0 || write(fd, data, size) != (ssize_t) size || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
                abort();
        if (preview_open(fd, &p) >= 0 && preview_take(p, &picture) == PREVIEW_NEW) {
                look_at(&picture);
                if (preview_take(p, &picture) != PREVIEW_SAME)
                        abort();
        }
        preview_free(p);
        close(fd);
        return 0;
}
