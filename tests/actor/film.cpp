/* See film.h. */
#include "film.h"

#include <cerrno>
#include <exception>
#include <sstream>
#include <string>

#include <opencv2/videoio.hpp>

namespace
{

int write_all(struct actor *a, const char *prompts, double seconds, double rate, const char *path)
{
        _cleanup_frame_ struct frame frame = {};
        std::istringstream list(prompts);
        std::string prompt;
        cv::VideoWriter film;
        double now = 0;

        while (std::getline(list, prompt, ',')) {
                actor_prompt(a, prompt.c_str(), now);
                for (double end = now + seconds; now < end; now += 1 / rate) {
                        const int r = actor_frame(a, now, &frame);

                        if (r < 0)
                                return r;
                        const cv::Mat picture(int(frame.height), int(frame.width), CV_8UC3, frame.pixels);
                        if (!film.isOpened() &&
                            !film.open(path, cv::CAP_OPENCV_MJPEG, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), rate,
                                       picture.size()))
                                return -EIO;
                        film.write(picture);
                }
        }
        return film.isOpened() ? 0 : -EINVAL;
}

} // namespace

int film_write(struct actor *a, const char *prompts, double seconds, double rate, const char *path)
{
        try {
                return write_all(a, prompts, seconds, rate, path);
        } catch (const std::exception &) {
                return -EIO;
        }
}
