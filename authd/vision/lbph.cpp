/* The engine "lbph", for machines without networks: Haar cascades (Viola and Jones, 2001; Lienhart and Maydt, 2002)
 * find the face and its open eyes, a histogram of local binary patterns describes it (Ahonen, Hadid, Pietikäinen,
 * 2004).
 *
 * The histogram is that of OpenCV's cv::face::LBPHFaceRecognizer with its default parameters, number by number; to
 * train that recogniser is to keep such histograms, and to ask it is to look for the nearest
 * (docs/decisions/lbph-without-contrib.md). */
#include "authd/vision/engine.h"

#include <cmath>
#include <limits>
#include <string>

#include <opencv2/imgproc.hpp>
#include <opencv2/objdetect.hpp>

namespace
{

const int SIDE = 112, CELLS = 8, PATTERNS = 256, NEIGHBOURS = 8;
const double STEP = 1.15, EYE_STEP = 1.1, SMALLEST = 0.25; /* of the picture's height: smaller ones are mostly none */
const int AGREE = 5, EYES_AGREE = 3;
const double INNER = 0.85; /* of the cascade's box, without hair and background */
const double BLUR = 0.8;   /* pixels: what a camera's noise makes of the patterns */
const double SEEN = 0.98;  /* what a cascade says without a probability */

/* Where around a pixel its neighbours are, and what of the four pixels about such a place counts. */
struct neighbour {
        int x[2], y[2];
        float weight[2][2]; /* [y][x] */
};

std::vector<struct neighbour> circle()
{
        std::vector<struct neighbour> out(NEIGHBOURS);

        for (int n = 0; n < NEIGHBOURS; n++) {
                const float x = float(std::cos(2.0 * CV_PI * n / NEIGHBOURS));
                const float y = float(-std::sin(2.0 * CV_PI * n / NEIGHBOURS));
                const float left = std::floor(x), top = std::floor(y), dx = x - left, dy = y - top;

                out[n] = { { int(left), int(std::ceil(x)) },
                           { int(top), int(std::ceil(y)) },
                           { { (1 - dx) * (1 - dy), dx * (1 - dy) }, { (1 - dx) * dy, dx * dy } } };
        }
        return out;
}

float at(const cv::Mat &m, int y, int x, const struct neighbour &n)
{
        float sum = 0;

        for (int i = 0; i < 2; i++)
                for (int k = 0; k < 2; k++)
                        sum += n.weight[i][k] * float(m.at<uint8_t>(y + n.y[i], x + n.x[k]));
        return sum;
}

int pattern(const cv::Mat &m, int y, int x, const std::vector<struct neighbour> &around)
{
        const float middle = float(m.at<uint8_t>(y, x));
        int out = 0;

        for (int n = 0; n < NEIGHBOURS; n++) {
                const float there = at(m, y, x, around[n]);
                out |= int(there > middle || std::abs(there - middle) < std::numeric_limits<float>::epsilon()) << n;
        }
        return out;
}

class lbph final : public vision
{
      public:
        explicit lbph(const struct models *m);
        std::vector<cv::Rect> detect(const cv::Mat &picture) override;
        void observe(const cv::Mat &picture, const cv::Rect &face, unsigned wanted, struct observation &out) override;

      private:
        void eyes(const cv::Mat &grey, const cv::Rect &face, struct observation &out);
        void histogram(const cv::Mat &grey, const cv::Rect &face, struct observation &out);

        cv::CascadeClassifier faces, eye;
        const std::vector<struct neighbour> around = circle();
};

void parse(struct bytes file, cv::CascadeClassifier &out)
{
        const cv::FileStorage xml(std::string(reinterpret_cast<const char *>(file.data), file.size),
                                  cv::FileStorage::READ | cv::FileStorage::MEMORY);

        if (!out.read(xml.getFirstTopLevelNode()))
                CV_Error(cv::Error::StsParseError, "no cascade");
}

lbph::lbph(const struct models *m)
{
        parse(m->file[MODEL_DETECT], faces);
        parse(m->file[MODEL_EYE], eye);
}

std::vector<cv::Rect> lbph::detect(const cv::Mat &picture)
{
        const stage running(spent[MODEL_DETECT]);
        const int smallest = std::max(24, int(picture.rows * SMALLEST));
        std::vector<cv::Rect> found;
        cv::Mat grey;

        cv::cvtColor(picture, grey, cv::COLOR_BGR2GRAY);
        faces.detectMultiScale(grey, found, STEP, AGREE, 0, cv::Size(smallest, smallest));
        return found;
}

/* The cascade finds eyes that are open, each in its half of the face's upper part. */
void lbph::eyes(const cv::Mat &grey, const cv::Rect &face, struct observation &out)
{
        const stage running(spent[MODEL_EYE]);

        for (int i = 0; i < 2; i++) {
                const cv::Rect half(face.x + i * face.width / 2, face.y + face.height / 5, face.width / 2,
                                    face.height * 2 / 5);
                std::vector<cv::Rect> found;

                eye.detectMultiScale(grey(half), found, EYE_STEP, EYES_AGREE, 0,
                                     cv::Size(face.width / 8, face.width / 8));
                out.eye_open[i] = found.empty() ? 1 - SEEN : SEEN;
        }
}

void lbph::histogram(const cv::Mat &grey, const cv::Rect &face, struct observation &out)
{
        const stage running(spent[MODEL_FEATURE]);
        const int cell = (SIDE - 2) / CELLS;
        cv::Mat crop;

        static_assert(HISTOGRAM_SIZE == CELLS * CELLS * PATTERNS, "a count for each pattern of each cell");
        static_assert(((SIDE - 2) / CELLS) * ((SIDE - 2) / CELLS) < 256, "a count fits its byte");
        const double margin = (1 - INNER) / 2;
        const cv::Rect part(int(face.x + margin * face.width), int(face.y + margin * face.height),
                            int(face.width * INNER), int(face.height * INNER));
        cv::resize(grey(part), crop, cv::Size(SIDE, SIDE), 0, 0, cv::INTER_AREA);
        cv::GaussianBlur(crop, crop, cv::Size(), BLUR);
        for (int y = 0; y < cell * CELLS; y++)
                for (int x = 0; x < cell * CELLS; x++)
                        out.histogram[((y / cell) * CELLS + x / cell) * PATTERNS +
                                      pattern(crop, y + 1, x + 1, around)]++;
}

void lbph::observe(const cv::Mat &picture, const cv::Rect &face, unsigned wanted, struct observation &out)
{
        cv::Mat grey;

        cv::cvtColor(picture, grey, cv::COLOR_BGR2GRAY);
        texture(grey, face, out);
        out.observed = wanted & (OBSERVE_EYES | OBSERVE_HISTOGRAM);
        if (wanted & OBSERVE_EYES)
                eyes(grey, face, out);
        if (wanted & OBSERVE_HISTOGRAM)
                histogram(grey, face, out);
}

} // namespace

struct vision *lbph_new(const struct models *m)
{
        return new lbph(m);
}
