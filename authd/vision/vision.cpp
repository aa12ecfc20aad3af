/* C about the engines, and what they share. */
#include "authd/vision/vision.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <new>

#include <opencv2/imgproc.hpp>

#include "authd/vision/engine.h"

namespace
{

double processor_seconds()
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return double(t.tv_sec) + double(t.tv_nsec) / 1e9;
}

void place(const cv::Size &picture, const cv::Rect &face, struct observation &out)
{
        out.box = { double(face.x) / picture.width, double(face.y) / picture.height, double(face.width) / picture.width,
                    double(face.height) / picture.height };
        out.size = face.width;
        out.frame_width = picture.width;
        out.frame_height = picture.height;
}

double brightness_of(const cv::Mat &part)
{
        const cv::Scalar bgr = cv::mean(part);

        return std::clamp(0.114 * bgr[0] + 0.587 * bgr[1] + 0.299 * bgr[2], 0.0, 255.0); /* ITU-R BT.601 */
}

/* How bright it is around the face: what is lit with it, or the room behind. */
void surround(const cv::Mat &picture, const cv::Rect &face, struct observation &out)
{
        const cv::Rect wide = clip(
                cv::Rect2d(face.x - face.width / 2.0, face.y - face.height / 2.0, face.width * 2.0, face.height * 2.0),
                picture.size());
        const double rest = wide.area() - face.area();

        if (rest > 0)
                out.surround = std::clamp(
                        (brightness_of(picture(wide)) * wide.area() - brightness_of(picture(face)) * face.area()) /
                                rest,
                        0.0, 255.0);
}

} // namespace

stage::stage(struct stage_time &to) : to(to), begun(processor_seconds())
{
}

stage::~stage()
{
        to.times++;
        to.seconds += processor_seconds() - begun;
}

cv::Rect clip(const cv::Rect2d &r, const cv::Size &size)
{
        return cv::Rect(cvRound(r.x), cvRound(r.y), cvRound(r.width), cvRound(r.height)) & cv::Rect({ 0, 0 }, size);
}

void texture(const cv::Mat &grey, const cv::Rect &face, struct observation &out)
{
        cv::Mat small, edges;
        cv::Scalar mean, deviation;

        cv::resize(grey(face), small, cv::Size(112, 112), 0, 0, cv::INTER_AREA);
        cv::Laplacian(small, edges, CV_32F);
        cv::meanStdDev(edges, mean, deviation);
        out.brightness = cv::mean(small)[0];
        out.sharpness = deviation[0] * deviation[0];
}

int vision_new(const struct models *m, struct vision **out)
{
        try {
                cv::setNumThreads(1);
                *out = m->manifest.engine == ENGINE_LBPH ? lbph_new(m) : deep_new(m);
                return 0;
        } catch (const std::bad_alloc &) {
                return -ENOMEM;
        } catch (const std::exception &) {
                return -EBADMSG;
        }
}

struct vision *vision_free(struct vision *v)
{
        delete v;
        return nullptr;
}

void vision_release(struct vision **v)
{
        *v = vision_free(*v);
}

int vision_observe_all(struct vision *v, const struct frame *f, unsigned wanted, struct observation *out, size_t max,
                       size_t *out_count)
{
        if (!f->pixels)
                return -EINVAL;
        try {
                const cv::Mat picture(int(f->height), int(f->width), CV_8UC3, f->pixels);
                std::vector<cv::Rect> faces = v->detect(picture);
                std::sort(faces.begin(), faces.end(), [](const auto &a, const auto &b) { return a.area() > b.area(); });
                const size_t count = std::min(max, faces.size());
                for (size_t i = 0; i < count; i++) {
                        out[i] = observation{};
                        out[i].faces = unsigned(faces.size());
                        out[i].rival = i + 1 < faces.size() ? double(faces[i + 1].width) / faces[i].width : 0;
                        place(picture.size(), faces[i], out[i]);
                        if (wanted & OBSERVE_LIVENESS)
                                surround(picture, faces[i], out[i]);
                        v->observe(picture, faces[i], wanted, out[i]);
                }
                if (count == 0 && max > 0) {
                        out[0] = observation{};
                        out[0].brightness = brightness_of(picture);
                }
                *out_count = count;
                return 0;
        } catch (const std::exception &) {
                return -EIO;
        }
}

int vision_observe(struct vision *v, const struct frame *f, unsigned wanted, struct observation *out)
{
        struct observation found = {};
        size_t count;
        const int r = vision_observe_all(v, f, wanted, &found, 1, &count);

        if (r == 0)
                *out = found;
        return r;
}

struct stage_time vision_stage(const struct vision *v, enum model m)
{
        return v->spent[m];
}
