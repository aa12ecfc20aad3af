/* The ring of camera pictures, read. */
#include "ui/client/preview.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char magic[8] = "VVPRVW01";

/* Offsets in the header and, further down, in a slot. */
enum {
        MAGIC = 0,
        WIDTH = 8,
        HEIGHT = 12,
        STRIDE = 16,
        SLOTS = 20,
        FIRST = 24,
        STEP = 28,
        NEWEST = 32,
        HEADER_SIZE = 64
};
enum { SEQUENCE = 0, PICTURE_WIDTH = 16, PICTURE_HEIGHT = 20, SLOT_HEADER_SIZE = 64 };
enum { BYTES_PER_PIXEL = 4 };

struct preview {
        const uint8_t *ring;
        size_t size;
        /* The header as it was when it was checked; the ring's own is not looked at again. */
        uint32_t width, height, stride, slots, first, step;
        uint64_t taken; /* the number of the last picture */
        uint8_t *pixels;
};

/* The callers' offsets are within the mapping and aligned: check_header() has seen to it. */
static uint32_t load_u32(const struct preview *p, size_t offset)
{
        return le32toh(__atomic_load_n((const uint32_t *) (const void *) (p->ring + offset), __ATOMIC_RELAXED));
}

static uint64_t load_u64(const struct preview *p, size_t offset)
{
        return le64toh(__atomic_load_n((const uint64_t *) (const void *) (p->ring + offset), __ATOMIC_ACQUIRE));
}

static bool check_header(const struct preview *p)
{
        uint64_t picture = (uint64_t) p->height * p->stride + SLOT_HEADER_SIZE;

        return memcmp(p->ring + MAGIC, magic, sizeof(magic)) == 0 && p->width >= 1 && p->width <= PREVIEW_SIDE_MAX &&
               p->height >= 1 && p->height <= PREVIEW_SIDE_MAX && p->stride >= p->width * BYTES_PER_PIXEL &&
               p->slots >= 1 && p->slots <= PREVIEW_SLOTS_MAX && p->first >= HEADER_SIZE && p->first % 8 == 0 &&
               p->step % 8 == 0 && p->step >= picture && p->first + (uint64_t) p->step * p->slots <= p->size;
}

/* A file that shrinks would end this process with SIGBUS. */
static bool cannot_shrink(int fd)
{
        int seals = fcntl(fd, F_GET_SEALS);

        return seals >= 0 && (seals & F_SEAL_SHRINK);
}

static int map(int fd, struct preview *p)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!cannot_shrink(fd) || st.st_size < HEADER_SIZE || st.st_size > PREVIEW_SIZE_MAX)
                return -EBADMSG;
        void *ring = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (ring == MAP_FAILED)
                return -errno;
        p->ring = ring;
        p->size = (size_t) st.st_size;
        return 0;
}

static int read_header(struct preview *p)
{
        p->width = load_u32(p, WIDTH);
        p->height = load_u32(p, HEIGHT);
        p->stride = load_u32(p, STRIDE);
        p->slots = load_u32(p, SLOTS);
        p->first = load_u32(p, FIRST);
        p->step = load_u32(p, STEP);
        return check_header(p) ? 0 : -EBADMSG;
}

int preview_open(int fd, struct preview **out)
{
        struct preview *p = calloc(1, sizeof(*p));
        int r = p ? map(fd, p) : -ENOMEM;

        if (r >= 0)
                r = read_header(p);
        if (r >= 0) {
                p->pixels = malloc((size_t) p->width * p->height * BYTES_PER_PIXEL);
                r = p->pixels ? 0 : -ENOMEM;
        }
        if (r < 0) {
                preview_free(p);
                return r;
        }
        *out = p;
        return 0;
}

struct preview *preview_free(struct preview *p)
{
        if (!p)
                return NULL;
        if (p->ring)
                munmap((void *) p->ring, p->size);
        if (p->pixels)
                explicit_bzero(p->pixels, (size_t) p->width * p->height * BYTES_PER_PIXEL);
        free(p->pixels);
        free(p);
        return NULL;
}

/* Copies picture @number if it is whole before and after. */
static bool copy(struct preview *p, uint64_t number, struct preview_picture *out)
{
        size_t slot = p->first + (size_t) ((number - 1) % p->slots) * p->step;

        if (load_u64(p, slot + SEQUENCE) != 2 * number)
                return false;
        uint32_t width = load_u32(p, slot + PICTURE_WIDTH), height = load_u32(p, slot + PICTURE_HEIGHT);
        if (width < 1 || width > p->width || height < 1 || height > p->height)
                return false;
        uint32_t row = width * BYTES_PER_PIXEL;
        for (uint32_t y = 0; y < height; y++)
                memcpy(p->pixels + (size_t) y * row, p->ring + slot + SLOT_HEADER_SIZE + (size_t) y * p->stride, row);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (load_u64(p, slot + SEQUENCE) != 2 * number)
                return false;
        *out = (struct preview_picture){ .pixels = p->pixels, .width = width, .height = height, .stride = row };
        return true;
}

enum preview_news preview_take(struct preview *p, struct preview_picture *out)
{
        enum { ATTEMPTS = 4 }; /* the writer would have to go round the ring in each of them */

        for (int i = 0; i < ATTEMPTS; i++) {
                uint64_t newest = load_u64(p, NEWEST);

                if (newest == 0)
                        return PREVIEW_NONE;
                if (newest == p->taken)
                        return PREVIEW_SAME;
                if (copy(p, newest, out)) {
                        p->taken = newest;
                        return PREVIEW_NEW;
                }
        }
        return PREVIEW_SAME;
}
