/* What visavis-inspect finds, and that one which crashes, lies or says nothing costs no more than its answer. */
#include "tests/unit/services/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/media/inspection.h"

enum { WIDTH = 300, HEIGHT = 100, SIDE = 64, RATE = 8000, SECONDS = 2, HEADER = 44 };

static int written(const char *name, const void *content, size_t size)
{
        _cleanup_free_ char *path = scratch_path(name);
        int fd;

        scratch_write(name, content, size);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

static void put(uint8_t *at, uint32_t value, unsigned size)
{
        for (unsigned i = 0; i < size; i++)
                at[i] = (uint8_t) (value >> 8 * i);
}

/* A BMP that is red on its left half and blue on the other. */
static int picture(uint32_t width, uint32_t height)
{
        static uint8_t bmp[54 + WIDTH * HEIGHT * 3];

        memcpy(bmp, "BM", 2);
        put(bmp + 2, sizeof(bmp), 4);
        put(bmp + 10, 54, 4);
        put(bmp + 14, 40, 4);
        put(bmp + 18, width, 4);
        put(bmp + 22, height, 4);
        put(bmp + 26, 1, 2);
        put(bmp + 28, 24, 2);
        for (unsigned i = 0; i < WIDTH * HEIGHT; i++)
                bmp[54 + 3 * i + (i % WIDTH < WIDTH / 2 ? 2 : 0)] = 255;
        return written("picture.bmp", bmp, sizeof(bmp));
}

/* A WAV that is silent in its first half and loud in the other. */
static int recording(void)
{
        static uint8_t wav[HEADER + RATE * SECONDS] = "RIFF";

        put(wav + 4, sizeof(wav) - 8, 4);
        memcpy(wav + 8, "WAVEfmt ", 8);
        put(wav + 16, 16, 4);
        put(wav + 20, 1, 2); /* PCM */
        put(wav + 22, 1, 2); /* channels */
        put(wav + 24, RATE, 4);
        put(wav + 28, RATE, 4);
        put(wav + 32, 1, 2);
        put(wav + 34, 8, 2);
        memcpy(wav + 36, "data", 4);
        put(wav + 40, RATE * SECONDS, 4);
        for (unsigned i = 0; i < RATE * SECONDS; i++)
                wav[HEADER + i] = i < RATE * SECONDS / 2 ? 128 : (uint8_t) (128 + 100 * sin(i * 0.3));
        return written("recording.wav", wav, sizeof(wav));
}

static const uint8_t *pixel(const struct finding *f, unsigned x, unsigned y)
{
        return f->pixels + 3 * ((size_t) y * f->shown_width + x);
}

static void a_picture_has_a_size_and_a_small_one_of_it(void **state)
{
        _cleanup_close_ int fd = picture(WIDTH, HEIGHT);
        _cleanup_(finding_release) struct finding f = { 0 };

        assert_int_equal(inspect_file_with(INSPECT, fd, SIDE, &f), 0);
        assert_int_equal(f.kind, FINDING_PICTURE);
        assert_int_equal(f.width, WIDTH);
        assert_int_equal(f.height, HEIGHT);
        assert_int_equal(f.duration, 0);
        assert_int_equal(f.shown_width, SIDE);
        assert_int_equal(f.shown_height, SIDE * HEIGHT / WIDTH);
        assert_true(pixel(&f, 2, 2)[0] > 200 && pixel(&f, 2, 2)[2] < 50);
        assert_true(pixel(&f, SIDE - 3, 10)[0] < 50 && pixel(&f, SIDE - 3, 10)[2] > 200);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
}

static void a_recording_has_a_duration_and_levels(void **state)
{
        _cleanup_close_ int fd = recording();
        _cleanup_(finding_release) struct finding f = { 0 };

        assert_int_equal(inspect_file_with(INSPECT, fd, SIDE, &f), 0);
        assert_int_equal(f.kind, FINDING_RECORDING);
        assert_int_equal(f.duration, SECONDS * 1000);
        assert_int_equal(f.level_count, FINDING_LEVELS_MAX);
        assert_int_equal(f.levels[0], 0);
        assert_true(f.levels[FINDING_LEVELS_MAX - 1] > 240);
        assert_null(f.pixels);
}

static void a_picture_that_says_that_it_is_huge_is_not_made(void **state)
{
        _cleanup_close_ int fd = picture(60000, 60000);
        _cleanup_(finding_release) struct finding f = { 0 };

        assert_int_equal(inspect_file_with(INSPECT, fd, SIDE, &f), 0);
        assert_null(f.pixels);
}

static void what_is_none_of_them_is_nothing(void **state)
{
        _cleanup_close_ int fd = written("text", "Dinner at eight?", 16), empty = written("empty", "", 0);
        _cleanup_(finding_release) struct finding f = { 0 };

        assert_int_equal(inspect_file_with(INSPECT, fd, SIDE, &f), 0);
        assert_int_equal(f.kind, FINDING_NONE);
        assert_int_equal(inspect_file_with(INSPECT, empty, SIDE, &f), 0);
        assert_int_equal(f.kind, FINDING_NONE);
}

/* A playlist that names another file: which is not opened, since it can be neither understood nor reached. */
static void no_other_file_is_read(void **state)
{
        _cleanup_close_ int picture_fd = picture(WIDTH, HEIGHT), fd = -1;
        _cleanup_free_ char *path = scratch_path("picture.bmp"), *list = NULL;
        _cleanup_(finding_release) struct finding f = { 0 };
        const int n = asprintf(&list, "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://%s\n", path);

        assert_true(n > 0);
        fd = written("list.m3u8", list, (size_t) n);
        assert_int_equal(inspect_file_with(INSPECT, fd, SIDE, &f), 0);
        assert_int_equal(f.kind, FINDING_NONE);
}

/* A program that does @line instead. */
static int with(const char *line)
{
        _cleanup_close_ int fd = written("file", "", 0);
        _cleanup_free_ char *path = scratch_path("program"), *script = NULL;
        struct finding f = { 0 };
        const int n = asprintf(&script, "#!/bin/sh\n%s\n", line);

        scratch_write("program", script, (size_t) n);
        assert_int_equal(chmod(path, 0700), 0);
        return inspect_file_with(path, fd, SIDE, &f);
}

static void one_that_crashes_or_lies_costs_the_answer(void **state)
{
        _cleanup_close_ int fd = written("file", "", 0);
        struct finding f = { 0 };

        assert_int_equal(with("kill -9 $$"), -ECHILD);
        assert_int_equal(with("exit 1"), -ECHILD);
        assert_int_equal(with("exec cat /dev/zero"), -ECHILD);   /* too much */
        assert_int_equal(with("head -c 19 /dev/zero"), -ECHILD); /* no version */
        assert_int_equal(with("printf '\\1\\1'; head -c 13 /dev/zero; printf '\\0\\101\\0\\1'"), -ECHILD); /* 65 wide */
        assert_int_equal(with("printf '\\1\\4'; head -c 17 /dev/zero"), -ECHILD); /* no such kind */
        assert_int_equal(with("printf '\\1\\0'; head -c 17 /dev/zero"), 0);
        assert_int_equal(inspect_file_with("/nonexistent", fd, SIDE, &f), -ENOENT);
        assert_int_equal(inspect_file_with(INSPECT, STDIN_FILENO, 0, &f), -EINVAL);
}

/* It gets the file, the pipe and nothing else of this process's. */
static void nothing_else_is_handed_to_it(void **state)
{
        _cleanup_close_ int kept = dup(STDERR_FILENO);

        assert_int_equal(with("[ -e /proc/self/fd/3 ] && exit 1; [ \"$HOME\" ] && exit 1; printf '\\1\\0'; head -c 17 "
                              "/dev/zero"),
                         0);
        assert_true(kept > 2);
}

#define scratch_test(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                scratch_test(a_picture_has_a_size_and_a_small_one_of_it),
                scratch_test(a_recording_has_a_duration_and_levels),
                scratch_test(a_picture_that_says_that_it_is_huge_is_not_made),
                scratch_test(what_is_none_of_them_is_nothing),
                scratch_test(no_other_file_is_read),
                scratch_test(one_that_crashes_or_lies_costs_the_answer),
                scratch_test(nothing_else_is_handed_to_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
