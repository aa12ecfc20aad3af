/* A head: a portrait given depth, so that it can be turned and can shut its eyes.
 *
 * A model of an average face is fitted to the 68 landmarks and lends each its depth. To turn the head, the landmarks
 * and some points about it (crown, ears, neck) are rotated in space, and the triangles between them carry the picture
 * along. As with a real head the nose moves more than the jaw, which no homography of a flat picture can do. Points
 * further out stay, and so does the room. */
#pragma once

#include <vector>

#include <opencv2/core.hpp>

#include "portrait.h"

struct head_pose {
        double yaw, pitch, roll; /* degrees away from the portrait; yaw grows as the nose goes right in the picture */
        cv::Point2d shift;       /* pixels */
        double lids;             /* 0: eyes as in the portrait, 1: shut */
};

class head
{
      public:
        explicit head(const struct portrait &portrait);

        /* Degrees that the head is turned in the portrait, by the model. */
        double yaw() const;

        /* The picture of the head in another pose. */
        cv::Mat render(const struct head_pose &pose) const;

      private:
        struct triangle {
                int corner[3];
        };

        void fit(const struct portrait &portrait);
        void surround();
        void connect();
        cv::Mat shut_eyes(double lids) const;

        cv::Mat picture;
        cv::Point2f landmark[LANDMARKS];
        cv::Matx33d rotation;          /* from the model's space to the picture's */
        double scale;                  /* pixels a millimetre */
        cv::Vec3d origin;              /* of the model in the picture, pixels */
        std::vector<cv::Vec3d> points; /* picture x, y and depth; first those that move with the head */
        size_t moving;
        std::vector<struct triangle> triangles;
};
