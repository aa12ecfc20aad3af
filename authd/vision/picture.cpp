/* imgcodecs and videoio behind C. */
#include "authd/vision/picture.h"

#include <cerrno>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <unistd.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "authd/device.h"

struct capture {
        cv::VideoCapture source;
        cv::Mat picture;
        int end;    /* why there are no more pictures */
        int device; /* the same device once more, to ask why; -1: none */
};

namespace
{

int store(const cv::Mat &picture, struct frame *out)
{
        cv::Mat bgr;

        if (picture.channels() == FRAME_CHANNELS)
                bgr = picture;
        else
                cv::cvtColor(picture, bgr, cv::COLOR_GRAY2BGR);
        if (bgr.depth() != CV_8U)
                return -EBADMSG;
        const int r = frame_resize(out, unsigned(bgr.cols), unsigned(bgr.rows));
        if (r < 0)
                return r == -EINVAL ? -EBADMSG : r;
        for (int y = 0; y < bgr.rows; y++)
                memcpy(out->pixels + size_t(y) * out->width * FRAME_CHANNELS, bgr.ptr(y), out->width * FRAME_CHANNELS);
        return 0;
}

} // namespace

int picture_read(const char *path, struct frame *out)
{
        try {
                const cv::Mat picture = cv::imread(path, cv::IMREAD_COLOR);
                return picture.empty() ? -EBADMSG : store(picture, out);
        } catch (const std::bad_alloc &) {
                return -ENOMEM;
        } catch (const std::exception &) {
                return -EBADMSG;
        }
}

int picture_decode(struct bytes file, struct frame *out)
{
        try {
                const cv::Mat bytes(1, int(file.size), CV_8U, const_cast<uint8_t *>(file.data));
                const cv::Mat picture = cv::imdecode(bytes, cv::IMREAD_COLOR);
                return picture.empty() ? -EBADMSG : store(picture, out);
        } catch (const std::bad_alloc &) {
                return -ENOMEM;
        } catch (const std::exception &) {
                return -EBADMSG;
        }
}

int picture_fit(struct frame *f, unsigned width, unsigned height)
{
        if (f->width <= width && f->height <= height)
                return 0;
        try {
                const cv::Mat large(int(f->height), int(f->width), CV_8UC3, f->pixels);
                const double scale = std::min(double(width) / f->width, double(height) / f->height);
                cv::Mat small;
                cv::resize(large, small, cv::Size(), scale, scale, cv::INTER_AREA);
                return store(small, f);
        } catch (const std::bad_alloc &) {
                return -ENOMEM;
        } catch (const std::exception &) {
                return -EIO;
        }
}

int picture_surround(struct frame *f, unsigned columns, unsigned rows, unsigned times)
{
        try {
                const cv::Mat tight(int(f->height), int(f->width), CV_8UC3, f->pixels);
                cv::Mat wide, large;
                cv::copyMakeBorder(tight, wide, int(rows), int(rows), int(columns), int(columns), cv::BORDER_REPLICATE);
                cv::resize(wide, large, cv::Size(), times, times, cv::INTER_CUBIC);
                const int r = store(large, f);
                return r == -EBADMSG ? -EINVAL : r;
        } catch (const std::bad_alloc &) {
                return -ENOMEM;
        } catch (const std::exception &) {
                return -EIO;
        }
}

/* Whether it can be opened at all, since OpenCV does not say why not. */
static int find(const char *path, int flags)
{
        const int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return -errno;
        close(fd);
        return 0;
}

/* Takes @device over on success. */
static int open_device(const char *path, unsigned width, unsigned height, unsigned rate, int device,
                       struct capture **out)
{
        try {
                cv::VideoCapture source(path, cv::CAP_V4L2);
                if (!source.isOpened())
                        return -EIO;
                source.set(cv::CAP_PROP_FRAME_WIDTH, width);
                source.set(cv::CAP_PROP_FRAME_HEIGHT, height);
                source.set(cv::CAP_PROP_FPS, rate);
                source.set(cv::CAP_PROP_BUFFERSIZE, 1);
                *out = new capture{ source, cv::Mat(), -EIO, device };
                return 0;
        } catch (const std::bad_alloc &) {
                return -ENOMEM;
        } catch (const std::exception &) {
                return -EIO;
        }
}

int capture_open_device(const char *path, unsigned width, unsigned height, unsigned rate, struct capture **out)
{
        int device = -1;
        int r = device_open(path, &device);

        if (r >= 0)
                r = device_check_free(device);
        if (r >= 0)
                r = open_device(path, width, height, rate, device, out);
        if (r < 0 && device >= 0)
                close(device);
        return r;
}

int capture_open_video(const char *path, double *out_rate, struct capture **out)
{
        const int r = find(path, O_RDONLY);

        if (r < 0)
                return r;
        try {
                cv::VideoCapture source(path, cv::CAP_FFMPEG);
                if (!source.isOpened() && !source.open(path, cv::CAP_OPENCV_MJPEG))
                        return -EBADMSG;
                *out_rate = source.get(cv::CAP_PROP_FPS);
                *out = new capture{ source, cv::Mat(), -ENODATA, -1 };
                return 0;
        } catch (const std::bad_alloc &) {
                return -ENOMEM;
        } catch (const std::exception &) {
                return -EBADMSG;
        }
}

int capture_read(struct capture *c, unsigned leave_out, struct frame *out)
{
        try {
                while (leave_out-- > 0)
                        if (!c->source.grab())
                                return c->end;
                if (!c->source.read(c->picture))
                        return c->device >= 0 && device_check_present(c->device) < 0 ? -ENODEV : c->end;
                return store(c->picture, out);
        } catch (const std::bad_alloc &) {
                return -ENOMEM;
        } catch (const std::exception &) {
                return -EIO;
        }
}

struct capture *capture_close(struct capture *c)
{
        if (c && c->device >= 0)
                close(c->device);
        delete c;
        return nullptr;
}
