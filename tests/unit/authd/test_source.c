/* Pictures come whole or not at all, whatever the writer of a pipe or the files of a folder do. */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>

#include "../services/scratch.h"

#include "authd/camera.h"
#include "authd/source.h"
#include "services/cleanup.h"

enum { SIDE = 64, FRAME = SIDE * SIDE * FRAME_CHANNELS };

static int stop;

static int setup(void **state)
{
        stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return stop < 0 ? -1 : scratch_setup(state);
}

static int teardown(void **state)
{
        close(stop);
        return scratch_teardown(state);
}

static struct source *open_source(enum camera_kind kind, const char *path)
{
        static struct camera camera;
        struct source *s = NULL;

        camera = (struct camera){
                .name = "test", .kind = kind, .path = path, .width = SIDE, .height = SIDE, .rate = 60
        };
        assert_int_equal(source_open(&camera, &s), 0);
        return s;
}

static void pause_msec(long msec)
{
        nanosleep(&(struct timespec){ 0, msec * 1000000 }, NULL);
}

static char *fifo(void)
{
        char *path = scratch_path("camera");

        assert_int_equal(mkfifo(path, 0600), 0);
        return path;
}

static int writer(const char *path)
{
        int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static void put(int fd, uint8_t value, size_t size)
{
        uint8_t bytes[FRAME];

        memset(bytes, value, sizeof(bytes));
        assert_int_equal(write(fd, bytes, size), size);
}

/* Reads a frame that must be of one value, which is returned; or the error. */
static int next(struct source *s)
{
        _cleanup_frame_ struct frame f = { 0 };
        int r = source_read(s, stop, &f);

        if (r < 0)
                return r;
        assert_int_equal(frame_size(&f), FRAME);
        for (size_t i = 1; i < FRAME; i++)
                assert_int_equal(f.pixels[i], f.pixels[0]);
        return f.pixels[0];
}

static void a_pipe_gives_frame_after_frame(void **state)
{
        _cleanup_free_ char *path = fifo();
        struct source *s = open_source(CAMERA_PIPE, path);
        _cleanup_close_ int fd = writer(path);

        assert_int_equal(next(s), -EAGAIN); /* nobody has written: it only waits */
        for (uint8_t i = 1; i < 5; i++) {
                put(fd, i, FRAME);
                assert_int_equal(next(s), i);
                pause_msec(20);
        }
        source_close(s);
}

static void the_rest_of_an_old_frame_is_left_out(void **state)
{
        _cleanup_free_ char *path = fifo();
        struct source *s = open_source(CAMERA_PIPE, path);
        _cleanup_close_ int fd = writer(path);

        put(fd, 9, FRAME / 3);
        assert_int_equal(next(s), -EAGAIN);
        put(fd, 1, FRAME);
        assert_int_equal(next(s), 1);
        source_close(s);
}

static void a_writer_that_dies_within_a_frame_is_followed_by_the_next(void **state)
{
        _cleanup_free_ char *path = fifo();
        struct source *s = open_source(CAMERA_PIPE, path);
        int fd = writer(path);

        assert_int_equal(next(s), -EAGAIN);
        put(fd, 1, FRAME);
        assert_int_equal(next(s), 1);
        put(fd, 2, FRAME / 2);
        close(fd);
        assert_int_equal(next(s), -EAGAIN);
        fd = writer(path);
        put(fd, 3, FRAME);
        assert_int_equal(next(s), 3);
        close(fd);
        source_close(s);
}

static void a_frame_that_stops_halfway_is_given_up(void **state)
{
        _cleanup_free_ char *path = fifo();
        struct source *s = open_source(CAMERA_PIPE, path);
        _cleanup_close_ int fd = writer(path);

        assert_int_equal(next(s), -EAGAIN);
        put(fd, 1, FRAME / 2);
        assert_int_equal(next(s), -EAGAIN); /* half a second: the frame is given up */
        put(fd, 1, FRAME / 2);              /* its rest is too late */
        assert_int_equal(next(s), -EAGAIN);
        put(fd, 2, FRAME);
        assert_int_equal(next(s), 2);
        source_close(s);
}

static void who_waits_for_a_pipe_can_be_stopped(void **state)
{
        _cleanup_free_ char *path = fifo();
        struct source *s = open_source(CAMERA_PIPE, path);
        struct timespec before, after;

        assert_int_equal(eventfd_write(stop, 1), 0);
        clock_gettime(CLOCK_MONOTONIC, &before);
        assert_int_equal(next(s), -EAGAIN);
        clock_gettime(CLOCK_MONOTONIC, &after);
        assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 < 200);
        source_close(s);
}

static void a_file_is_no_pipe(void **state)
{
        _cleanup_free_ char *path = scratch_path("file");
        const struct camera camera = { .kind = CAMERA_PIPE, .path = path, .width = SIDE, .height = SIDE, .rate = 15 };
        struct source *s;

        scratch_write("file", "x", 1);
        assert_int_equal(source_open(&camera, &s), -EINVAL);
}

/* A portable pixmap of one grey value. */
static void picture(const char *name, uint8_t value)
{
        uint8_t content[13 + FRAME];

        memcpy(content, "P6\n64 64\n255\n", 13);
        memset(content + 13, value, FRAME);
        scratch_write(name, content, sizeof(content));
}

static void a_folder_shows_its_pictures_in_the_order_of_their_names_again_and_again(void **state)
{
        picture("b.ppm", 2);
        picture("a.ppm", 1);
        picture("c.ppm", 3);
        struct source *s = open_source(CAMERA_FOLDER, scratch);

        for (unsigned i = 0; i < 7; i++)
                assert_int_equal(next(s), (int) (i % 3 + 1));
        source_close(s);
}

static void what_is_no_picture_is_said(void **state)
{
        scratch_write("a.jpg", "no picture", 10);
        struct source *s = open_source(CAMERA_FOLDER, scratch);

        assert_int_equal(next(s), -EBADMSG);
        source_close(s);
}

static void an_empty_folder_is_no_camera(void **state)
{
        const struct camera camera = {
                .kind = CAMERA_FOLDER, .path = scratch, .width = SIDE, .height = SIDE, .rate = 15
        };
        struct source *s;

        assert_int_equal(source_open(&camera, &s), -ENOENT);
}

static const struct config_key keys[] = { CAMERA_KEYS, { NULL, NULL, NULL } };

static int read_configured(const char *text)
{
        struct camera camera;
        struct config *c = NULL;

        scratch_write("authd.conf", text, strlen(text));
        assert_int_equal(config_load("authd", scratch, keys, &c), 0);
        int r = camera_read(c, config_instance(c, "camera", 0), &camera);

        config_free(c);
        return r < 0 ? r : (int) camera.kind;
}

static void a_camera_is_configured_wholly_or_not_at_all(void **state)
{
        assert_int_equal(read_configured("[camera a]\npath = /dev/video0\n"), CAMERA_V4L2);
        assert_int_equal(read_configured("[camera a]\nkind = pipe\npath = /run/x\nwidth = 320\n"), CAMERA_PIPE);
        assert_int_equal(read_configured("[camera a]\nkind = pipe\n"), -EINVAL);
        assert_int_equal(read_configured("[camera a]\npath = video0\n"), -EINVAL);
        assert_int_equal(read_configured("[camera a]\nkind = telescope\npath = /dev/video0\n"), -EINVAL);
        assert_int_equal(read_configured("[camera a]\npath = /dev/video0\nwidth = 63\n"), -ERANGE);
        assert_int_equal(read_configured("[camera a]\npath = /dev/video0\nheight = 100000\n"), -ERANGE);
        assert_int_equal(read_configured("[camera a]\npath = /dev/video0\nrate = 0\n"), -ERANGE);
}

#define source_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                source_test(a_pipe_gives_frame_after_frame),
                source_test(the_rest_of_an_old_frame_is_left_out),
                source_test(a_writer_that_dies_within_a_frame_is_followed_by_the_next),
                source_test(a_frame_that_stops_halfway_is_given_up),
                source_test(who_waits_for_a_pipe_can_be_stopped),
                source_test(a_file_is_no_pipe),
                source_test(a_folder_shows_its_pictures_in_the_order_of_their_names_again_and_again),
                source_test(what_is_no_picture_is_said),
                source_test(an_empty_folder_is_no_camera),
                source_test(a_camera_is_configured_wholly_or_not_at_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
