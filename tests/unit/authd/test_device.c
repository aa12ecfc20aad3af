/* A V4L2 device as a camera. Its driver is played here: this program's ioctl(2) stands before the C library's, and
 * answers OpenCV for a file whose content is the device's buffers (the kernel's Video for Linux API, "Streaming I/O").
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../services/scratch.h"

#include "authd/camera.h"
#include "authd/device.h"
#include "authd/discovery.h"
#include "authd/source.h"
#include "services/cleanup.h"
#include "services/confinement.h"

enum { WIDTH = 160, HEIGHT = 120, SIZE = WIDTH * HEIGHT * 2, STRIDE = 65536 /* whole pages */, BUFFERS = 4 };

static struct {
        char *path;
        uint8_t *memory; /* what the buffers hold */
        uint32_t formats[4];
        bool metadata, busy, unplugged, streaming, asked_for_another_size;
        unsigned queued[BUFFERS], queued_count, pictures;
        uint8_t luma; /* of the pictures, all over */
} driver;

static int fails(int error)
{
        errno = error;
        return -1;
}

static int set_format(struct v4l2_format *f)
{
        if (driver.busy)
                return fails(EBUSY);
        driver.asked_for_another_size = f->fmt.pix.width != WIDTH || f->fmt.pix.height != HEIGHT;
        f->fmt.pix = (struct v4l2_pix_format){ .width = WIDTH,
                                               .height = HEIGHT,
                                               .pixelformat = V4L2_PIX_FMT_YUYV,
                                               .field = V4L2_FIELD_NONE,
                                               .bytesperline = WIDTH * 2,
                                               .sizeimage = SIZE };
        return 0;
}

static int fill(struct v4l2_buffer *b)
{
        if (driver.unplugged)
                return fails(ENODEV);
        if (!driver.streaming || driver.queued_count == 0)
                return fails(EAGAIN);
        b->index = driver.queued[0];
        memmove(driver.queued, driver.queued + 1, --driver.queued_count * sizeof(*driver.queued));
        for (unsigned i = 0; i < SIZE; i += 2) {
                driver.memory[b->index * STRIDE + i] = driver.luma;
                driver.memory[b->index * STRIDE + i + 1] = 128;
        }
        b->bytesused = b->length = SIZE;
        driver.pictures++;
        return 0;
}

static int enumerate(struct v4l2_fmtdesc *f)
{
        if (f->index >= COUNT_OF(driver.formats) || driver.formats[f->index] == 0)
                return fails(EINVAL);
        f->pixelformat = driver.formats[f->index];
        return 0;
}

static int answer(unsigned long request, void *argument)
{
        struct v4l2_buffer *b = argument;

        switch (request) {
        case VIDIOC_QUERYCAP:
                if (driver.unplugged)
                        return fails(ENODEV);
                *(struct v4l2_capability *) argument = (struct v4l2_capability){
                        .capabilities =
                                (driver.metadata ? V4L2_CAP_META_CAPTURE : V4L2_CAP_VIDEO_CAPTURE) | V4L2_CAP_STREAMING
                };
                return 0;
        case VIDIOC_G_FMT:
        case VIDIOC_S_FMT:
        case VIDIOC_TRY_FMT:
                return set_format(argument);
        case VIDIOC_ENUM_FMT:
                return enumerate(argument);
        case VIDIOC_ENUMINPUT:
                return ((struct v4l2_input *) argument)->index == 0 ? 0 : fails(EINVAL);
        case VIDIOC_S_INPUT:
        case VIDIOC_G_PARM:
        case VIDIOC_S_PARM:
                return 0;
        case VIDIOC_REQBUFS:
                if (((struct v4l2_requestbuffers *) argument)->count > BUFFERS)
                        ((struct v4l2_requestbuffers *) argument)->count = BUFFERS;
                return driver.busy ? fails(EBUSY) : 0;
        case VIDIOC_QUERYBUF:
                b->length = SIZE;
                b->m.offset = b->index * STRIDE;
                return b->index < BUFFERS ? 0 : fails(EINVAL);
        case VIDIOC_QBUF:
                assert_true(driver.queued_count < BUFFERS);
                driver.queued[driver.queued_count++] = b->index;
                return 0;
        case VIDIOC_DQBUF:
                return fill(b);
        case VIDIOC_STREAMON:
        case VIDIOC_STREAMOFF:
                driver.streaming = request == VIDIOC_STREAMON;
                if (!driver.streaming)
                        driver.queued_count = 0;
                return 0;
        default:
                return fails(ENOTTY); /* no such control */
        }
}

int ioctl(int fd, unsigned long request, ...)
{
        va_list list;

        va_start(list, request);
        void *argument = va_arg(list, void *);

        va_end(list);
        if (_IOC_TYPE((unsigned) request) == 'V')
                return answer((unsigned) request, argument);
        return (int) syscall(SYS_ioctl, fd, request, argument);
}

static int setup(void **state)
{
        int r = scratch_setup(state);

        memset(&driver, 0, sizeof(driver));
        driver.path = scratch_path("video0");
        _cleanup_close_ int fd = open(driver.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (r < 0 || fd < 0 || ftruncate(fd, BUFFERS * STRIDE) < 0)
                return -1;
        driver.memory = mmap(NULL, BUFFERS * STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        return driver.memory == MAP_FAILED ? -1 : 0;
}

static int teardown(void **state)
{
        free(driver.path);
        munmap(driver.memory, BUFFERS * STRIDE);
        return scratch_teardown(state);
}

static int open_device(unsigned width, unsigned height, struct source **out)
{
        static struct camera camera;

        camera = (struct camera){
                .name = "test", .kind = CAMERA_V4L2, .path = driver.path, .width = width, .height = height, .rate = 30
        };
        return source_open(&camera, out);
}

/* What the next picture shows in its middle, or the error. */
static int next(struct source *s, struct frame *f)
{
        int r = source_read(s, -1, f);

        return r < 0 ? r : f->pixels[(f->height / 2 * f->width + f->width / 2) * FRAME_CHANNELS];
}

static void its_pictures_come_one_after_the_other(void **state)
{
        _cleanup_frame_ struct frame f = { 0 };
        struct source *s;

        assert_int_equal(open_device(WIDTH, HEIGHT, &s), 0);
        for (int i = 0; i < 10; i++) {
                driver.luma = (uint8_t) (60 + 15 * i);
                int shown = next(s, &f);

                /* Luma of video is 16 to 235 (ITU-R BT.601). */
                assert_true(abs(shown - (driver.luma - 16) * 255 / 219) <= 2);
                assert_int_equal(f.width, WIDTH);
                assert_int_equal(f.height, HEIGHT);
        }
        assert_true(driver.streaming && driver.pictures >= 10);
        source_close(s);
        assert_false(driver.streaming);
}

/* What looks opens its camera and then gives up the file system and nearly every call. */
static void a_confined_process_gets_them_too(void **state)
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                _cleanup_frame_ struct frame f = { 0 };
                struct source *s;

                driver.luma = 235;
                if (open_device(WIDTH, HEIGHT, &s) < 0 || confine(CONFINED_WITH_CAMERA) < 0)
                        _exit(1);
                for (int i = 0; i < 2 * BUFFERS; i++)
                        if (next(s, &f) < 250)
                                _exit(2);
                source_close(s);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void the_size_is_the_driver_s_to_choose(void **state)
{
        _cleanup_frame_ struct frame f = { 0 };
        struct source *s;

        assert_int_equal(open_device(640, 480, &s), 0);
        assert_true(driver.asked_for_another_size);
        assert_true(next(s, &f) >= 0);
        assert_int_equal(f.width, WIDTH);
        source_close(s);
}

static void a_device_that_another_program_uses_gives_nothing(void **state)
{
        struct source *s;

        driver.busy = true;
        assert_int_equal(open_device(WIDTH, HEIGHT, &s), -EBUSY);
}

static void a_device_that_is_unplugged_ends(void **state)
{
        _cleanup_frame_ struct frame f = { 0 };
        struct source *s;

        assert_int_equal(open_device(WIDTH, HEIGHT, &s), 0);
        assert_true(next(s, &f) >= 0);
        driver.unplugged = true;
        assert_int_equal(next(s, &f), -ENODEV);
        source_close(s);
}

static void a_device_that_is_not_there_is_said_to_be_so(void **state)
{
        struct source *s;

        assert_int_equal(unlink(driver.path), 0);
        assert_int_equal(open_device(WIDTH, HEIGHT, &s), -ENOENT);
}

/* A camera has a second device for what it tells beside its pictures. */
static void a_device_without_pictures_is_no_camera(void **state)
{
        int fd;

        driver.metadata = true;
        assert_int_equal(device_open(driver.path, &fd), -ENODEV);
        assert_int_equal(device_open("/dev/null", &fd), -ENODEV);
}

static void an_infrared_camera_has_grey_pictures_alone(void **state)
{
        static const struct {
                uint32_t formats[3];
                bool infrared;
        } cameras[] = { { { V4L2_PIX_FMT_GREY }, true },
                        { { V4L2_PIX_FMT_Y16, V4L2_PIX_FMT_GREY }, true },
                        { { V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_MJPEG }, false },
                        { { V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_YUYV }, false },
                        { { 0 }, false } };

        for (unsigned i = 0; i < COUNT_OF(cameras); i++) {
                _cleanup_close_ int fd = -1;

                memcpy(driver.formats, cameras[i].formats, sizeof(cameras[i].formats));
                assert_int_equal(device_open(driver.path, &fd), 0);
                assert_int_equal(device_infrared(fd), cameras[i].infrared);
                assert_false(driver.streaming);
        }
}

static unsigned changes;

static void on_change(void *userdata)
{
        changes++;
}

/* Runs the loop until another camera is there, or for two seconds. */
static void wait_for_change(sd_event *event)
{
        unsigned before = changes;

        for (unsigned i = 0; i < 20 && changes == before; i++)
                assert_true(sd_event_run(event, 100000) >= 0);
}

/* The folder of names comes with the first camera and goes with the last. */
static void cameras_that_come_and_go_are_noticed(void **state)
{
        static const char name[] = "v4l/by-id/usb-ACME_Camera_1234-video-index0";
        _cleanup_free_ char *v4l = scratch_path("v4l"), *by_id = scratch_path("v4l/by-id"),
                            *camera = scratch_path(name),
                            *second = scratch_path("v4l/by-id/usb-ACME_Camera_1234-video-index2"),
                            *other = scratch_path("v4l/by-id/readme");
        const struct discovered *found;
        struct discovery *d;
        sd_event *event;
        unsigned count;

        changes = 0;
        driver.formats[0] = V4L2_PIX_FMT_GREY;
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(discovery_new(event, by_id, on_change, NULL, &d), 0);
        discovery_list(d, &count);
        assert_int_equal(count, 0);
        assert_true(mkdir(v4l, 0755) == 0 && mkdir(by_id, 0755) == 0);
        assert_int_equal(symlink(driver.path, camera), 0);
        wait_for_change(event);
        found = discovery_list(d, &count);
        assert_int_equal(count, 1);
        assert_string_equal(found[0].name, "ACME_Camera_1234");
        assert_string_equal(found[0].path, camera);
        assert_true(found[0].infrared);

        assert_int_equal(symlink(driver.path, second), 0);
        assert_int_equal(symlink(driver.path, other), 0);
        wait_for_change(event);
        found = discovery_list(d, &count);
        assert_int_equal(count, 2);
        assert_string_equal(found[1].name, "ACME_Camera_1234:2");

        assert_true(unlink(camera) == 0 && unlink(second) == 0 && unlink(other) == 0);
        wait_for_change(event);
        discovery_list(d, &count);
        assert_int_equal(count, 0);
        assert_true(rmdir(by_id) == 0 && rmdir(v4l) == 0);
        assert_int_equal(changes, 3);
        discovery_free(d);
        sd_event_unref(event);
}

#define device_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                device_test(its_pictures_come_one_after_the_other),
                device_test(a_confined_process_gets_them_too),
                device_test(the_size_is_the_driver_s_to_choose),
                device_test(a_device_that_another_program_uses_gives_nothing),
                device_test(a_device_that_is_unplugged_ends),
                device_test(a_device_without_pictures_is_no_camera),
                device_test(an_infrared_camera_has_grey_pictures_alone),
                device_test(cameras_that_come_and_go_are_noticed),
                device_test(a_device_that_is_not_there_is_said_to_be_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
