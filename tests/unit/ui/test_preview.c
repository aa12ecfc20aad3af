/* The ring of camera pictures: what is taken from it, and what it cannot make the reader do. */
#include "tests/unit/services/cmocka_headers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/client/preview.h"

/* Little-endian, as the test's machines are; the layout is that of docs/dbus/auth1.md. */
struct ring {
        struct {
                char magic[8];
                uint32_t width, height, stride, slots, first, step;
                uint64_t newest;
                uint8_t zero[24];
        } header;
        struct slot {
                uint64_t sequence, time;
                uint32_t width, height;
                uint8_t zero[40];
                uint8_t pixels[3][16]; /* 4 × 3 pixels */
        } slots[2];
};

_Static_assert(sizeof(((struct ring *) NULL)->header) == 64, "the header has 64 bytes");

struct world {
        int fd;
        struct ring *ring;
};

static struct ring good(void)
{
        return (struct ring){ .header = { "VVPRVW01", 4, 3, 16, 2, 64, sizeof(struct slot), 0, { 0 } } };
}

static void world_open(struct world *w, const struct ring *ring, size_t size, unsigned seals)
{
        w->fd = memfd_create("preview", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        assert_true(w->fd >= 0);
        assert_int_equal(pwrite(w->fd, ring, size, 0), size);
        w->ring = mmap(NULL, sizeof(*w->ring), PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
        assert_ptr_not_equal(w->ring, MAP_FAILED);
        assert_int_equal(fcntl(w->fd, F_ADD_SEALS, seals), 0);
}

static void world_close(struct world *w)
{
        munmap(w->ring, sizeof(*w->ring));
        close(w->fd);
}

static void put(struct world *w, uint64_t number, uint32_t width, uint32_t height, uint8_t value)
{
        struct slot *s = &w->ring->slots[(number - 1) % 2];

        s->sequence = 2 * number;
        s->width = width;
        s->height = height;
        memset(s->pixels, value, sizeof(s->pixels));
        w->ring->header.newest = number;
}

static int opening(const struct ring *ring, size_t size, unsigned seals)
{
        struct preview *p = NULL;
        struct world w;

        world_open(&w, ring, size, seals);
        int r = preview_open(w.fd, &p);
        preview_free(p);
        world_close(&w);
        return r;
}

static void test_pictures_are_taken_once_each(void **state)
{
        const struct ring ring = good();
        struct preview_picture picture;
        struct preview *p;
        struct world w;

        world_open(&w, &ring, sizeof(ring), F_SEAL_SHRINK);
        assert_int_equal(preview_open(w.fd, &p), 0);
        assert_int_equal(preview_take(p, &picture), PREVIEW_NONE);
        put(&w, 1, 4, 3, 0x11);
        assert_int_equal(preview_take(p, &picture), PREVIEW_NEW);
        assert_int_equal(picture.width, 4);
        assert_int_equal(picture.height, 3);
        assert_int_equal(picture.stride, 16);
        assert_int_equal(picture.pixels[2 * 16 + 15], 0x11);
        assert_int_equal(preview_take(p, &picture), PREVIEW_SAME);
        put(&w, 2, 2, 1, 0x22);
        put(&w, 3, 2, 1, 0x33);
        assert_int_equal(preview_take(p, &picture), PREVIEW_NEW);
        assert_int_equal(picture.width, 2);
        assert_int_equal(picture.stride, 8);
        assert_int_equal(picture.pixels[7], 0x33);
        w.ring->header.newest = 0;
        assert_int_equal(preview_take(p, &picture), PREVIEW_NONE);
        preview_free(p);
        world_close(&w);
}

static void test_a_picture_that_is_being_written_is_not_taken(void **state)
{
        const struct ring ring = good();
        struct preview_picture picture;
        struct preview *p;
        struct world w;

        world_open(&w, &ring, sizeof(ring), F_SEAL_SHRINK);
        assert_int_equal(preview_open(w.fd, &p), 0);
        put(&w, 1, 4, 3, 0x11);
        w.ring->slots[0].sequence = 5;
        assert_int_equal(preview_take(p, &picture), PREVIEW_SAME);
        w.ring->slots[0].sequence = 2;
        assert_int_equal(preview_take(p, &picture), PREVIEW_NEW);
        preview_free(p);
        world_close(&w);
}

static void test_a_picture_larger_than_the_header_says_is_not_taken(void **state)
{
        static const uint32_t sizes[][2] = { { 5, 3 }, { 4, 4 },          { 0, 3 },
                                             { 4, 0 }, { UINT32_MAX, 1 }, { 1, UINT32_MAX } };
        const struct ring ring = good();
        struct preview_picture picture;
        struct preview *p;
        struct world w;

        world_open(&w, &ring, sizeof(ring), F_SEAL_SHRINK);
        assert_int_equal(preview_open(w.fd, &p), 0);
        for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
                put(&w, i + 1, sizes[i][0], sizes[i][1], 0x11);
                assert_int_equal(preview_take(p, &picture), PREVIEW_SAME);
        }
        preview_free(p);
        world_close(&w);
}

static void test_a_header_that_changes_later_is_not_believed(void **state)
{
        const struct ring ring = good();
        struct preview_picture picture;
        struct preview *p;
        struct world w;

        world_open(&w, &ring, sizeof(ring), F_SEAL_SHRINK);
        assert_int_equal(preview_open(w.fd, &p), 0);
        w.ring->header.width = w.ring->header.height = w.ring->header.stride = w.ring->header.step = 1000000;
        put(&w, 1, 1000, 1000, 0x11);
        assert_int_equal(preview_take(p, &picture), PREVIEW_SAME);
        put(&w, 1, 4, 3, 0x11);
        assert_int_equal(preview_take(p, &picture), PREVIEW_NEW);
        preview_free(p);
        world_close(&w);
}

static void test_a_header_that_promises_too_much_is_refused(void **state)
{
        static const struct {
                size_t offset;
                uint32_t value;
        } bad[] = {
                { offsetof(struct ring, header.magic), 0 },
                { offsetof(struct ring, header.width), 0 },
                { offsetof(struct ring, header.width), 5 },
                { offsetof(struct ring, header.width), 0x40000001 },
                { offsetof(struct ring, header.height), 0 },
                { offsetof(struct ring, header.height), 4 },
                { offsetof(struct ring, header.height), 0x10000000 },
                { offsetof(struct ring, header.stride), 15 },
                { offsetof(struct ring, header.stride), UINT32_MAX },
                { offsetof(struct ring, header.slots), 0 },
                { offsetof(struct ring, header.slots), 3 },
                { offsetof(struct ring, header.slots), UINT32_MAX },
                { offsetof(struct ring, header.first), 56 },
                { offsetof(struct ring, header.first), 68 },
                { offsetof(struct ring, header.first), 72 },
                { offsetof(struct ring, header.step), 104 },
                { offsetof(struct ring, header.step), 116 },
                { offsetof(struct ring, header.step), UINT32_MAX & ~7u },
        };

        for (unsigned i = 0; i < COUNT_OF(bad); i++) {
                struct ring ring = good();

                memcpy((uint8_t *) &ring + bad[i].offset, &bad[i].value, sizeof(bad[i].value));
                assert_int_equal(opening(&ring, sizeof(ring), F_SEAL_SHRINK), -EBADMSG);
        }
}

static void test_a_file_that_is_too_small_or_may_shrink_is_refused(void **state)
{
        const struct ring ring = good();

        assert_int_equal(opening(&ring, sizeof(ring), F_SEAL_SHRINK), 0);
        assert_int_equal(opening(&ring, sizeof(ring), F_SEAL_GROW), -EBADMSG);
        assert_int_equal(opening(&ring, 63, F_SEAL_SHRINK), -EBADMSG);
        assert_int_equal(opening(&ring, sizeof(ring) - 1, F_SEAL_SHRINK), -EBADMSG);
        assert_int_equal(opening(&ring, 0, F_SEAL_SHRINK), -EBADMSG);
}

static void test_what_is_no_memfd_is_refused(void **state)
{
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct preview *p;

        assert_int_equal(preview_open(null, &p), -EBADMSG);
        assert_int_equal(preview_open(-1, &p), -EBADF);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pictures_are_taken_once_each),
                cmocka_unit_test(test_a_picture_that_is_being_written_is_not_taken),
                cmocka_unit_test(test_a_picture_larger_than_the_header_says_is_not_taken),
                cmocka_unit_test(test_a_header_that_changes_later_is_not_believed),
                cmocka_unit_test(test_a_header_that_promises_too_much_is_refused),
                cmocka_unit_test(test_a_file_that_is_too_small_or_may_shrink_is_refused),
                cmocka_unit_test(test_what_is_no_memfd_is_refused),
        };

        return cmocka_run_group_tests_name("preview", tests, NULL, NULL);
}
