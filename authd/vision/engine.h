/* Within vision/: what an engine is. Each sees faces in its own way (deep.cpp, lbph.cpp); vision.cpp puts C about it.
 * Exceptions are allowed in here. */
#pragma once

#include <vector>

#include <opencv2/core.hpp>

#include "authd/vision/vision.h"

struct vision {
        virtual ~vision() = default;

        /* The boxes of the faces, clipped to the picture, in any order. */
        virtual std::vector<cv::Rect> detect(const cv::Mat &picture) = 0;

        /* Fills what was @wanted of one of them, and says in @out.observed which parts those are. */
        virtual void observe(const cv::Mat &picture, const cv::Rect &face, unsigned wanted,
                             struct observation &out) = 0;

        struct stage_time spent[MODEL_COUNT] = {};
};

/* Counts the processor time until the end of its scope. */
class stage
{
      public:
        explicit stage(struct stage_time &to);
        ~stage();
        stage(const stage &) = delete;
        stage &operator=(const stage &) = delete;

      private:
        struct stage_time &to;
        const double begun;
};

/* @r, rounded, as far as it is in a picture of @size. */
cv::Rect clip(const cv::Rect2d &r, const cv::Size &size);

/* How bright and how sharp the face is, at one scale, whatever its size in the frame. */
void texture(const cv::Mat &grey, const cv::Rect &face, struct observation &out);

/* May throw what OpenCV throws, if a model cannot be parsed. */
struct vision *deep_new(const struct models *m);
struct vision *lbph_new(const struct models *m);
