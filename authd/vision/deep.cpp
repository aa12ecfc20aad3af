/* The engine "deep": face networks over OpenCV's dnn. Inputs and outputs of each are those that its publisher's own
 * program uses. */
#include "authd/vision/engine.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <opencv2/dnn.hpp>
#include <opencv2/imgproc.hpp>

namespace
{

const double LIVENESS_SCALE = 2.7;
const int ALIGNED_SIDE = 112, POSE_BINS = 66, LIVENESS_CLASSES = 3;
const double EYE_SIZES[] = { 1.3, 1.6 };

/* ArcFace's five points in a picture of 112 x 112: eyes, nose, corners of the mouth (Deng et al., 2019). */
const cv::Point2f ALIGNED[5] = { { 38.2946f, 51.6963f },
                                 { 73.5318f, 51.5014f },
                                 { 56.0252f, 71.7366f },
                                 { 41.5493f, 92.3655f },
                                 { 70.7299f, 92.2041f } };

std::vector<double> softmax(const cv::Mat &logits)
{
        const float *p = logits.ptr<float>();
        std::vector<double> out(p, p + logits.total());
        const double top = *std::max_element(out.begin(), out.end());
        double sum = 0;

        for (double &v : out)
                sum += v = std::exp(v - top);
        for (double &v : out)
                v /= sum;
        return out;
}

cv::Point2f middle(const struct point *p, std::initializer_list<int> indices)
{
        double x = 0, y = 0;

        for (int i : indices) {
                x += p[i].x;
                y += p[i].y;
        }
        return cv::Point2f(float(x / indices.size()), float(y / indices.size()));
}

/* The box grown around its middle, but no further than the picture allows, and pushed into it: the network was
 * trained on crops without borders. */
cv::Rect grow_inside(const cv::Rect &box, double factor, const cv::Size &size)
{
        factor = std::min({ factor, double(size.width - 1) / box.width, double(size.height - 1) / box.height });
        const double width = box.width * factor, height = box.height * factor;
        const double x = std::clamp(box.x + (box.width - width) / 2, 0.0, size.width - width);
        const double y = std::clamp(box.y + (box.height - height) / 2, 0.0, size.height - height);

        return clip(cv::Rect2d(x, y, width, height), size);
}

class deep final : public vision
{
      public:
        explicit deep(const struct models *m);
        std::vector<cv::Rect> detect(const cv::Mat &picture) override;
        void observe(const cv::Mat &picture, const cv::Rect &face, unsigned wanted, struct observation &out) override;

      private:
        void warm_up();
        cv::Mat blob(enum model which, const cv::Mat &picture) const;
        std::vector<cv::Mat> run_all(enum model which, const cv::Mat &picture, size_t outputs);
        cv::Mat run(enum model which, const cv::Mat &picture, size_t numbers);
        void landmarks(const cv::Mat &grey, const cv::Rect &face, struct observation &out);
        double eye(const cv::Mat &grey, const struct point *corners);
        void pose(const cv::Mat &picture, const cv::Rect &face, struct observation &out);
        void liveness(const cv::Mat &picture, const cv::Rect &face, struct observation &out);
        void embedding(const cv::Mat &picture, struct observation &out);

        const struct manifest manifest;
        cv::dnn::Net net[MODEL_COUNT];
};

deep::deep(const struct models *m) : manifest(m->manifest)
{
        for (unsigned i = 0; i < MODEL_COUNT; i++) {
                const char *start = reinterpret_cast<const char *>(m->file[i].data);
                net[i] = cv::dnn::readNetFromONNX(start, m->file[i].size);
        }
        warm_up();
}

/* The first picture costs more than the others, and shows whether each network gives what its place needs. */
void deep::warm_up()
{
        const cv::Mat picture(480, 640, CV_8UC3, cv::Scalar(128, 128, 128));
        struct observation o = {};

        detect(picture);
        observe(picture, cv::Rect(240, 140, 160, 200),
                OBSERVE_LANDMARKS | OBSERVE_EYES | OBSERVE_POSE | OBSERVE_LIVENESS | OBSERVE_EMBEDDING, o);
}

/* What a network is given, as its manifest describes it. @picture has its channels, BGR or grey. */
cv::Mat deep::blob(enum model which, const cv::Mat &picture) const
{
        const struct model_input &in = manifest.model[which].input;
        cv::Mat out =
                cv::dnn::blobFromImage(picture, in.scale[0], cv::Size(int(in.width), int(in.height)),
                                       cv::Scalar(in.mean[0], in.mean[1], in.mean[2]), in.channels == CHANNELS_RGB);

        for (int c = 1; c < picture.channels(); c++)
                if (std::abs(in.scale[c] - in.scale[0]) > 0)
                        cv::Mat(int(in.height), int(in.width), CV_32F, out.ptr<float>(0, c)) *=
                                in.scale[c] / in.scale[0];
        return out;
}

std::vector<cv::Mat> deep::run_all(enum model which, const cv::Mat &picture, size_t outputs)
{
        std::vector<cv::String> names;
        std::vector<cv::Mat> out;

        for (size_t i = 0; i < outputs; i++)
                names.emplace_back(manifest.model[which].output[i]);
        net[which].setInput(blob(which, picture));
        net[which].forward(out, names);
        return out;
}

/* The @numbers that a network with one output gives. */
cv::Mat deep::run(enum model which, const cv::Mat &picture, size_t numbers)
{
        net[which].setInput(blob(which, picture));
        const cv::Mat out = net[which].forward();
        CV_Assert(out.total() == numbers && out.type() == CV_32F);
        return out;
}

std::vector<cv::Rect> deep::detect(const cv::Mat &picture)
{
        const stage running(spent[MODEL_DETECT]);
        const std::vector<cv::Mat> outputs = run_all(MODEL_DETECT, picture, 2);
        CV_Assert(outputs[0].type() == CV_32F && outputs[1].type() == CV_32F);
        CV_Assert(outputs[0].total() == 2 * outputs[1].total());
        const float least = float(manifest.score);

        const cv::Mat corners = outputs[0].reshape(1, int(outputs[0].total() / 4));
        const cv::Mat score = outputs[1].reshape(1, int(outputs[1].total() / 2));
        std::vector<cv::Rect> boxes, faces;
        std::vector<float> scores;
        for (int i = 0; i < corners.rows; i++) {
                if (score.at<float>(i, 1) < least)
                        continue;
                const float *c = corners.ptr<float>(i);
                boxes.push_back(clip(cv::Rect2d(c[0] * picture.cols, c[1] * picture.rows, (c[2] - c[0]) * picture.cols,
                                                (c[3] - c[1]) * picture.rows),
                                     picture.size()));
                scores.push_back(score.at<float>(i, 1));
        }

        std::vector<int> kept;
        cv::dnn::NMSBoxes(boxes, scores, least, float(manifest.overlap), kept);
        for (int i : kept)
                if (boxes[i].width >= 8 && boxes[i].height >= 8)
                        faces.push_back(boxes[i]);
        return faces;
}

void deep::landmarks(const cv::Mat &grey, const cv::Rect &face, struct observation &out)
{
        const stage running(spent[MODEL_LANDMARK]);
        const cv::Mat points = run(MODEL_LANDMARK, grey(face), size_t(2 * LANDMARKS)).reshape(1, LANDMARKS);

        for (int i = 0; i < LANDMARKS; i++)
                out.landmark[i] = { face.x + double(points.at<float>(i, 0)) * face.width,
                                    face.y + double(points.at<float>(i, 1)) * face.height };
}

/* Probability that an eye is open; @corners are its six points. Its publisher crops 1.6 widths of the eye; with a
 * closer crop as well it tells a shut eye better, and is steadier. */
double deep::eye(const cv::Mat &grey, const struct point *corners)
{
        const stage running(spent[MODEL_EYE]);
        const cv::Point2d c = middle(corners, { 0, 3 }),
                          across(corners[3].x - corners[0].x, corners[3].y - corners[0].y);
        const double length = std::max(1e-6, cv::norm(across)), width = std::max(4.0, length);
        const int side = int(manifest.model[MODEL_EYE].input.width);
        double sum = 0;

        for (const double size : EYE_SIZES) {
                const cv::Point2d step = across / length * (width * size / side);
                const cv::Matx23d from(step.x, -step.y, c.x - (step.x - step.y) * side / 2, step.y, step.x,
                                       c.y - (step.x + step.y) * side / 2);
                cv::Mat crop;
                cv::warpAffine(grey, crop, from, cv::Size(side, side), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                               cv::BORDER_REPLICATE);
                const cv::Mat logits = run(MODEL_EYE, crop, 2);
                sum += double(logits.ptr<float>()[1] - logits.ptr<float>()[0]);
        }
        return 1 / (1 + std::exp(-sum / std::size(EYE_SIZES)));
}

/* A classifier over 66 bins of 3 degrees for each angle, read as an expectation (Hopenet, Ruiz et al., 2018). Its yaw
 * grows as the nose goes left in the picture, ours as it goes right. */
void deep::pose(const cv::Mat &picture, const cv::Rect &face, struct observation &out)
{
        const stage running(spent[MODEL_POSE]);
        const cv::Rect r = clip(
                cv::Rect2d(face.x - face.width / 4.0, face.y - face.height / 4.0, face.width * 1.5, face.height * 1.5),
                picture.size());
        const std::vector<cv::Mat> angles = run_all(MODEL_POSE, picture(r), 3);
        double *const to[3] = { &out.yaw, &out.pitch, &out.roll };
        for (int i = 0; i < 3; i++) {
                CV_Assert(angles[i].total() == size_t(POSE_BINS) && angles[i].type() == CV_32F);
                const std::vector<double> bins = softmax(angles[i]);
                double expectation = 0;
                for (size_t k = 0; k < bins.size(); k++)
                        expectation += bins[k] * double(k);
                *to[i] = expectation * 3 - 99;
        }
        out.yaw = -out.yaw;
}

void deep::liveness(const cv::Mat &picture, const cv::Rect &face, struct observation &out)
{
        const stage running(spent[MODEL_LIVENESS]);
        const cv::Mat crop = picture(grow_inside(face, LIVENESS_SCALE, picture.size()));

        out.bona_fide = softmax(run(MODEL_LIVENESS, crop, LIVENESS_CLASSES))[0];
}

void deep::embedding(const cv::Mat &picture, struct observation &out)
{
        const stage running(spent[MODEL_FEATURE]);
        const struct point *p = out.landmark;
        const int side = int(manifest.model[MODEL_FEATURE].input.width);
        const cv::Point2f from[5] = { middle(p, { 37, 38, 40, 41 }), middle(p, { 43, 44, 46, 47 }), middle(p, { 30 }),
                                      middle(p, { 48, 60 }), middle(p, { 54, 64 }) };

        /* Least squares for x' = a x - b y + c, y' = b x + a y + d: a similarity, so that a face is never sheared. */
        cv::Mat left(10, 4, CV_64F), right(10, 1, CV_64F), solution;
        for (int i = 0; i < 5; i++) {
                const double rows[2][4] = { { from[i].x, -from[i].y, 1, 0 }, { from[i].y, from[i].x, 0, 1 } };
                for (int k = 0; k < 4; k++) {
                        left.at<double>(2 * i, k) = rows[0][k];
                        left.at<double>(2 * i + 1, k) = rows[1][k];
                }
                right.at<double>(2 * i) = double(ALIGNED[i].x) * side / ALIGNED_SIDE;
                right.at<double>(2 * i + 1) = double(ALIGNED[i].y) * side / ALIGNED_SIDE;
        }
        cv::solve(left, right, solution, cv::DECOMP_SVD);
        const double a = solution.at<double>(0), b = solution.at<double>(1);
        const cv::Mat similarity =
                (cv::Mat_<double>(2, 3) << a, -b, solution.at<double>(2), b, a, solution.at<double>(3));

        cv::Mat aligned;
        cv::warpAffine(picture, aligned, similarity, cv::Size(side, side));
        cv::Mat feature = run(MODEL_FEATURE, aligned, EMBEDDING_SIZE);
        cv::normalize(feature, feature);
        std::copy_n(feature.ptr<float>(), size_t(EMBEDDING_SIZE), out.embedding);
}

void deep::observe(const cv::Mat &picture, const cv::Rect &face, unsigned wanted, struct observation &out)
{
        out.observed = wanted;
        if (wanted & OBSERVE_LANDMARKS) {
                cv::Mat grey;
                cv::cvtColor(picture, grey, cv::COLOR_BGR2GRAY);
                landmarks(grey, face, out);
                texture(grey, face, out);
                if (wanted & OBSERVE_EYES) {
                        out.eye_open[0] = eye(grey, out.landmark + 36);
                        out.eye_open[1] = eye(grey, out.landmark + 42);
                }
                if (wanted & OBSERVE_EMBEDDING)
                        embedding(picture, out);
        }
        if (wanted & OBSERVE_POSE)
                pose(picture, face, out);
        if (wanted & OBSERVE_LIVENESS)
                liveness(picture, face, out);
}

} // namespace

struct vision *deep_new(const struct models *m)
{
        return new deep(m);
}
