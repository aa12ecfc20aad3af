/* Preloaded into authd and the process that looks: a file plays a V4L2 device by what it says of itself. "infrared" and
 * "colour" are cameras, "busy" is one that another program uses; whatever else is asked is answered as by any file. */
#include <errno.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(int error)
{
        errno = error;
        return -1;
}

static int answer(int fd, unsigned long request, void *argument)
{
        char text[16] = "";
        struct v4l2_fmtdesc *format = argument;

        if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
                return fails(ENOTTY);
        switch (request) {
        case VIDIOC_QUERYCAP:
                *(struct v4l2_capability *) argument =
                        (struct v4l2_capability){ .capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING };
                return 0;
        case VIDIOC_ENUM_FMT:
                format->pixelformat = strcmp(text, "infrared") == 0 ? V4L2_PIX_FMT_GREY : V4L2_PIX_FMT_YUYV;
                return format->index == 0 ? 0 : fails(EINVAL);
        case VIDIOC_REQBUFS:
                return strcmp(text, "busy") == 0 ? fails(EBUSY) : 0;
        default:
                return fails(ENOTTY);
        }
}

int ioctl(int fd, unsigned long request, ...)
{
        va_list list;

        va_start(list, request);
        void *argument = va_arg(list, void *);

        va_end(list);
        if (_IOC_TYPE((unsigned) request) == 'V')
                return answer(fd, (unsigned) request, argument);
        return (int) syscall(SYS_ioctl, fd, request, argument);
}
