/* See device.h. */
#include "authd/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "services/cleanup.h"

enum { FORMATS_MAX = 64 }; /* that are looked at */

static int request(int fd, unsigned long what, void *argument)
{
        int r;

        do
                r = ioctl(fd, what, argument);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

int device_open(const char *path, int *out)
{
        const unsigned needed = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        struct v4l2_capability c = { 0 };
        _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return -errno;
        if (request(fd, VIDIOC_QUERYCAP, &c) < 0)
                return -ENODEV;
        unsigned own = c.capabilities & V4L2_CAP_DEVICE_CAPS ? c.device_caps : c.capabilities;

        if ((own & needed) != needed)
                return -ENODEV;
        *out = TAKE_FD(fd);
        return 0;
}

/* Buffers are one program's at a time. */
int device_check_free(int fd)
{
        struct v4l2_requestbuffers one = { .count = 1,
                                           .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                           .memory = V4L2_MEMORY_MMAP };
        struct v4l2_requestbuffers none = one;

        none.count = 0;
        if (request(fd, VIDIOC_REQBUFS, &one) == -EBUSY)
                return -EBUSY;
        (void) request(fd, VIDIOC_REQBUFS, &none);
        return 0;
}

int device_check_present(int fd)
{
        struct v4l2_capability c = { 0 };

        return request(fd, VIDIOC_QUERYCAP, &c) == -ENODEV ? -ENODEV : 0;
}

static bool grey(uint32_t format)
{
        switch (format) {
        case V4L2_PIX_FMT_GREY:
        case V4L2_PIX_FMT_Y4:
        case V4L2_PIX_FMT_Y6:
        case V4L2_PIX_FMT_Y10:
        case V4L2_PIX_FMT_Y10BPACK:
        case V4L2_PIX_FMT_Y10P:
        case V4L2_PIX_FMT_Y12:
        case V4L2_PIX_FMT_Y14:
        case V4L2_PIX_FMT_Y16:
        case V4L2_PIX_FMT_Y16_BE:
        case V4L2_PIX_FMT_Y8I:
        case V4L2_PIX_FMT_Y12I:
                return true;
        default:
                return false;
        }
}

bool device_infrared(int fd)
{
        struct v4l2_fmtdesc format = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };

        for (; format.index < FORMATS_MAX && request(fd, VIDIOC_ENUM_FMT, &format) == 0; format.index++)
                if (!grey(format.pixelformat))
                        return false;
        return format.index > 0;
}
