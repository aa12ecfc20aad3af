/* A portrait: a group photograph cut to the frame of a camera that one of its people sits before.
 *
 * The head is turned upright and has the size that it would have before a laptop; whoever stands beside is blurred
 * beyond recognition, so that the camera sees one face. */
#pragma once

#include <opencv2/core.hpp>

#include "authd/vision/vision.h"

struct portrait {
        cv::Mat picture;                 /* BGR, of the frame's size */
        cv::Point2f landmark[LANDMARKS]; /* in pixels of @picture */
};

/* Cuts face @number of the photograph @path, counted by size from 1, to @size. -ENOENT: there are not so many faces;
 * -EBADMSG: no picture, or the face is lost when it has been cut out; what picture_read() and vision_observe() say. */
int portrait_read(struct vision *vision, const char *path, unsigned number, const cv::Size &size, struct portrait *out);
