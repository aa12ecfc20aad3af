/* plot-scores SCORES PNG THRESHOLD: draws how the scores of `visavis-face-eval --scores` are distributed, genuine and
 * impostor comparisons each by its own number, on a logarithmic scale, so that a single one can be seen. */
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

namespace
{

const int WIDTH = 960, HEIGHT = 520, LEFT = 80, RIGHT = 20, TOP = 50, BOTTOM = 60, BINS = 120;
const double DECADES = 5; /* below 1 */
const cv::Scalar GENUINE(150, 90, 20), IMPOSTOR(40, 60, 200), BLACK(30, 30, 30), GREY(215, 215, 215);

struct sample {
        std::vector<double> scores;
        const char *name;
        cv::Scalar colour;
};

double low, high;

double across(double score)
{
        return LEFT + (score - low) / (high - low) * (WIDTH - LEFT - RIGHT);
}

double up(double part)
{
        return TOP - std::log10(std::max(part, 1e-9)) / DECADES * (HEIGHT - TOP - BOTTOM);
}

void write(cv::Mat &picture, const std::string &text, double x, double y, const cv::Scalar &colour)
{
        cv::putText(picture, text, cv::Point(int(x), int(y)), cv::FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv::LINE_AA);
}

std::string number(const char *format, double v)
{
        char text[32];

        snprintf(text, sizeof(text), format, v);
        return text;
}

void axes(cv::Mat &picture)
{
        for (double score = std::ceil(low * 5) / 5; score <= high; score += 0.2) {
                cv::line(picture, cv::Point2d(across(score), TOP), cv::Point2d(across(score), HEIGHT - BOTTOM), GREY);
                write(picture, number("%.1f", score), across(score) - 12, HEIGHT - BOTTOM + 20, BLACK);
        }
        for (int d = 0; d <= int(DECADES); d++) {
                const double y = up(std::pow(10, -d));

                cv::line(picture, cv::Point2d(LEFT, y), cv::Point2d(WIDTH - RIGHT, y), GREY);
                write(picture, d == 0 ? "1" : number("1e-%.0f", d), 25, y + 5, BLACK);
        }
        write(picture, "score", WIDTH / 2.0, HEIGHT - 15, BLACK);
}

/* The part of the comparisons in each bin, as steps. */
void steps(cv::Mat &picture, const struct sample &s)
{
        std::vector<double> bin(BINS, 0);

        for (double score : s.scores)
                bin[std::min(BINS - 1, int((score - low) / (high - low) * BINS))] += 1.0 / double(s.scores.size());
        double before = HEIGHT - BOTTOM;
        for (int i = 0; i < BINS; i++) {
                const double left = across(low + (high - low) * i / BINS),
                             right = across(low + (high - low) * (i + 1) / BINS);
                const double y = bin[i] > 0 ? std::min(up(bin[i]), double(HEIGHT - BOTTOM)) : HEIGHT - BOTTOM;

                cv::line(picture, cv::Point2d(left, before), cv::Point2d(left, y), s.colour, 1, cv::LINE_AA);
                cv::line(picture, cv::Point2d(left, y), cv::Point2d(right, y), s.colour, 1, cv::LINE_AA);
                before = y;
        }
}

bool read(const char *path, struct sample &genuine, struct sample &impostor)
{
        std::ifstream file(path);
        std::string kind;
        double score;

        while (file >> kind >> score)
                (kind == "genuine" ? genuine : impostor).scores.push_back(score);
        return !genuine.scores.empty() && !impostor.scores.empty();
}

} // namespace

int main(int argc, char *argv[])
{
        struct sample genuine = { {}, "genuine", GENUINE }, impostor = { {}, "impostor", IMPOSTOR };

        if (argc != 4 || !read(argv[1], genuine, impostor)) {
                fputs("Usage: plot-scores SCORES PNG THRESHOLD, where SCORES is of visavis-face-eval --scores\n",
                      stderr);
                return 2;
        }
        low = *std::min_element(impostor.scores.begin(), impostor.scores.end());
        high = *std::max_element(genuine.scores.begin(), genuine.scores.end());

        cv::Mat picture(HEIGHT, WIDTH, CV_8UC3, cv::Scalar(255, 255, 255));
        const double threshold = atof(argv[3]);
        axes(picture);
        double x = LEFT;
        for (const struct sample *s : { &impostor, &genuine }) {
                steps(picture, *s);
                write(picture, std::to_string(s->scores.size()) + " " + s->name + " comparisons", x, 25, s->colour);
                x += 300;
        }
        cv::line(picture, cv::Point2d(across(threshold), TOP), cv::Point2d(across(threshold), HEIGHT - BOTTOM), BLACK,
                 2);
        write(picture, "threshold " + std::string(argv[3]), x, 25, BLACK);
        return cv::imwrite(argv[2], picture) ? 0 : 1;
}
