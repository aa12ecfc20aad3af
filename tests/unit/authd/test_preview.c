/* The ring is laid out as docs/dbus/auth1.md says, nobody but its writer can write it, and it forgets. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../services/cmocka_headers.h"

#include "authd/preview.h"
#include "services/cleanup.h"

static const uint64_t FRAME_USEC = 1000000 / PREVIEW_RATE;

struct view {
        int fd;
        size_t size;
        const uint8_t *ring;
};

static struct view open_view(const struct preview *p)
{
        struct view v;
        struct stat st;

        assert_int_equal(preview_open(p, &v.fd), 0);
        assert_int_equal(fstat(v.fd, &st), 0);
        v.size = (size_t) st.st_size;
        v.ring = mmap(NULL, v.size, PROT_READ, MAP_SHARED, v.fd, 0);
        assert_true(v.ring != MAP_FAILED);
        return v;
}

static void close_view(struct view *v)
{
        munmap((void *) v->ring, v->size);
        close(v->fd);
}

static uint64_t number(const struct view *v, size_t offset, size_t size)
{
        uint64_t value = 0;

        memcpy(&value, v->ring + offset, size);
        return value;
}

static void show(struct preview *p, unsigned width, unsigned height, uint8_t value, uint64_t now)
{
        _cleanup_frame_ struct frame f = { 0 };

        assert_int_equal(frame_resize(&f, width, height), 0);
        memset(f.pixels, value, frame_size(&f));
        assert_int_equal(preview_show(p, &f, now), 0);
}

static void the_layout_is_the_one_of_the_document(void **state)
{
        struct preview *p;

        assert_int_equal(preview_new(&p), 0);
        struct view v = open_view(p);

        assert_memory_equal(v.ring, "VVPRVW01", 8);
        assert_int_equal(number(&v, 8, 4), 640);
        assert_int_equal(number(&v, 12, 4), 480);
        assert_int_equal(number(&v, 16, 4), 2560);
        assert_int_equal(number(&v, 20, 4), 4);
        assert_int_equal(number(&v, 24, 4), 4096);
        assert_int_equal(number(&v, 32, 8), 0);
        assert_int_equal(4096 + number(&v, 28, 4) * 4, v.size);
        for (uint64_t n = 1; n <= 9; n++) {
                show(p, 320, 240, (uint8_t) (10 * n), n * FRAME_USEC);
                size_t slot = 4096 + number(&v, 28, 4) * ((n - 1) % 4);

                assert_int_equal(number(&v, 32, 8), n);
                assert_int_equal(number(&v, slot, 8), 2 * n);
                assert_int_equal(number(&v, slot + 8, 8), n * FRAME_USEC);
                assert_int_equal(number(&v, slot + 16, 4), 320);
                assert_int_equal(number(&v, slot + 20, 4), 240);
                assert_int_equal(v.ring[slot + 64 + 2560 * 239 + 319 * 4 + 2], 10 * n);
        }
        close_view(&v);
        preview_free(p);
}

static void who_reads_can_do_nothing_else(void **state)
{
        struct preview *p;

        assert_int_equal(preview_new(&p), 0);
        assert_int_equal(preview_seal(p), 0);
        struct view v = open_view(p);
        int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
        char path[64];

        assert_int_equal(fcntl(v.fd, F_GET_SEALS), seals);
        assert_true(mmap(NULL, v.size, PROT_READ | PROT_WRITE, MAP_SHARED, v.fd, 0) == MAP_FAILED);
        assert_true(mprotect((void *) v.ring, v.size, PROT_READ | PROT_WRITE) < 0);
        assert_true(ftruncate(v.fd, 0) < 0);
        assert_true(write(v.fd, "x", 1) < 0);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", v.fd);
        _cleanup_close_ int again = open(path, O_RDWR | O_CLOEXEC);

        if (again >= 0) {
                assert_true(mmap(NULL, v.size, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
                assert_true(write(again, "x", 1) < 0);
        }
        close_view(&v);
        preview_free(p);
}

static void pictures_come_no_faster_than_the_rate(void **state)
{
        struct preview *p;

        assert_int_equal(preview_new(&p), 0);
        struct view v = open_view(p);

        for (uint64_t now = 1000; now < 1000000; now += 10000)
                show(p, 64, 64, 1, now);
        assert_true(number(&v, 32, 8) <= PREVIEW_RATE + 2);
        assert_true(number(&v, 32, 8) >= PREVIEW_RATE - 2);
        close_view(&v);
        preview_free(p);
}

static void a_larger_picture_is_scaled_down(void **state)
{
        struct preview *p;

        assert_int_equal(preview_new(&p), 0);
        struct view v = open_view(p);

        show(p, 1920, 1080, 50, 1000);
        assert_int_equal(number(&v, 4096 + 16, 4), 640);
        assert_int_equal(number(&v, 4096 + 20, 4), 360);
        assert_int_equal(v.ring[4096 + 64], 50);
        close_view(&v);
        preview_free(p);
}

static void nothing_is_left_in_it(void **state)
{
        struct preview *p;

        assert_int_equal(preview_new(&p), 0);
        struct view v = open_view(p);

        for (uint64_t n = 1; n <= 4; n++)
                show(p, 640, 480, 99, n * FRAME_USEC);
        preview_free(p);
        assert_int_equal(number(&v, 32, 8), 0);
        for (size_t i = 0; i < v.size; i++)
                assert_int_not_equal(v.ring[i], 99);
        close_view(&v);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_layout_is_the_one_of_the_document),
                cmocka_unit_test(who_reads_can_do_nothing_else),
                cmocka_unit_test(pictures_come_no_faster_than_the_rate),
                cmocka_unit_test(a_larger_picture_is_scaled_down),
                cmocka_unit_test(nothing_is_left_in_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
