/* From a group photograph to one person before a camera. */
#include "portrait.h"

#include <cerrno>
#include <cmath>
#include <vector>

#include <opencv2/imgproc.hpp>

#include "authd/vision/picture.h"

namespace
{

const size_t FACES_MAX = 32;
const int NOSE_ROOT = 27, CHIN = 8;     /* landmarks */
const double ROOT_TO_CHIN = 0.235;      /* of the frame's height: the detector's box is nearly twice that */
const double ACROSS = 0.5, DOWN = 0.47; /* where the middle of that line is in the frame */

cv::Point2d middle(const struct point *p, int first, int count)
{
        cv::Point2d sum(0, 0);

        for (int i = first; i < first + count; i++)
                sum += cv::Point2d(p[i].x, p[i].y);
        return sum / count;
}

/* Blurs the people beside: a soft ellipse about each head. */
void hide(cv::Mat &photo, const struct observation &face)
{
        const double width = face.size, height = face.box.height * photo.rows;
        const cv::Point centre(cvRound(face.box.x * photo.cols + width / 2),
                               cvRound(face.box.y * photo.rows + height / 2));
        const cv::Rect around = cv::Rect(cvRound(centre.x - 2 * width), cvRound(centre.y - 2 * height),
                                         cvRound(4 * width), cvRound(4 * height)) &
                                cv::Rect({ 0, 0 }, photo.size());
        cv::Mat part, blurred, mask = cv::Mat::zeros(around.size(), CV_32F);

        photo(around).convertTo(part, CV_32FC3);
        cv::GaussianBlur(part, blurred, cv::Size(), 0.35 * width);
        cv::ellipse(mask, centre - around.tl(), cv::Size(cvRound(0.65 * width), cvRound(0.7 * height)), 0, 0, 360, 1,
                    cv::FILLED);
        cv::GaussianBlur(mask, mask, cv::Size(), 0.08 * width);
        cv::cvtColor(mask, mask, cv::COLOR_GRAY2BGR);
        part += (blurred - part).mul(mask);
        part.convertTo(photo(around), CV_8UC3);
}

/* The similarity that puts @face upright into the middle of a frame of @size. */
cv::Mat framing(const struct observation &face, const cv::Size &size)
{
        const struct point *p = face.landmark;
        const cv::Point2d eyes = middle(p, 42, 6) - middle(p, 36, 6);
        const cv::Point2d root(p[NOSE_ROOT].x, p[NOSE_ROOT].y), chin(p[CHIN].x, p[CHIN].y), centre = (root + chin) / 2;
        const double scale = ROOT_TO_CHIN * size.height / cv::norm(chin - root);
        cv::Mat m = cv::getRotationMatrix2D(centre, std::atan2(eyes.y, eyes.x) * 180 / CV_PI, scale);

        m.at<double>(0, 2) += ACROSS * size.width - centre.x;
        m.at<double>(1, 2) += DOWN * size.height - centre.y;
        return m;
}

} // namespace

int portrait_read(struct vision *vision, const char *path, unsigned number, const cv::Size &size, struct portrait *out)
{
        std::vector<struct observation> faces(FACES_MAX);
        _cleanup_frame_ struct frame frame = {};
        struct observation seen;
        size_t count = 0;

        int r = picture_read(path, &frame);
        if (r < 0)
                return r;
        r = vision_observe_all(vision, &frame, OBSERVE_LANDMARKS, faces.data(), faces.size(), &count);
        if (r < 0)
                return r;
        if (number < 1 || number > count)
                return -ENOENT;

        cv::Mat photo(int(frame.height), int(frame.width), CV_8UC3, frame.pixels), picture;
        for (size_t i = 0; i < count; i++)
                if (i != number - 1)
                        hide(photo, faces[i]);
        const cv::Mat m = framing(faces[number - 1], size);
        cv::warpAffine(photo, picture, m, size, cv::INTER_AREA, cv::BORDER_REPLICATE);

        const struct frame cut = { unsigned(size.width), unsigned(size.height), picture.data };
        r = vision_observe(vision, &cut, OBSERVE_LANDMARKS, &seen);
        if (r < 0)
                return r;
        if (seen.faces == 0)
                return -EBADMSG;
        for (int i = 0; i < LANDMARKS; i++)
                out->landmark[i] = cv::Point2f(float(seen.landmark[i].x), float(seen.landmark[i].y));
        out->picture = picture;
        return 0;
}
