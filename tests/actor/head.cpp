/* The model of an average face, its fit, and the warp. */
#include "head.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace
{

/* Where the landmarks of an average face are: millimetres to the right, down and towards the viewer, from the middle
 * of the face. A face is symmetric, so each row holds for two of them; the inner lips are left to the outer ones. */
const struct {
        int left, right;
        double x, y, z;
} FACE[] = {
        { 0, 16, -74, -30, -48 }, { 1, 15, -73, -11, -46 },  { 2, 14, -70, 8, -44 },   { 3, 13, -66, 26, -42 },
        { 4, 12, -59, 42, -38 },  { 5, 11, -48, 56, -31 },   { 6, 10, -34, 67, -19 },  { 7, 9, -18, 75, -5 },
        { 8, 8, 0, 77, 1 },       { 17, 26, -61, -50, -13 }, { 18, 25, -51, -59, -7 }, { 19, 24, -38, -62, 0 },
        { 20, 23, -25, -61, 7 },  { 21, 22, -12, -57, 12 },  { 27, 27, 0, -42, 13 },   { 28, 28, 0, -31, 21 },
        { 29, 29, 0, -20, 29 },   { 30, 30, 0, -8, 37 },     { 31, 35, -15, 3, 20 },   { 32, 34, -8, 5, 23 },
        { 33, 33, 0, 7, 26 },     { 36, 45, -46, -38, -6 },  { 37, 44, -38, -43, -2 }, { 38, 43, -28, -43, -1 },
        { 39, 42, -19, -37, 0 },  { 40, 47, -28, -35, 0 },   { 41, 46, -38, -35, -1 }, { 48, 54, -29, 28, 3 },
        { 49, 53, -18, 22, 16 },  { 50, 52, -8, 19, 23 },    { 51, 51, 0, 21, 24 },    { 57, 57, 0, 40, 24 },
        { 58, 56, -8, 40, 22 },   { 59, 55, -19, 36, 15 },
};

/* The rest of the head, in the same space: hairline, crown, ears, hair beside the jaw, neck. */
const cv::Vec3d SKULL[] = {
        { 0, -92, 2 },     { -38, -88, -10 },  { 38, -88, -10 },  { -68, -64, -38 }, { 68, -64, -38 },
        { 0, -128, -50 },  { -55, -115, -58 }, { 55, -115, -58 }, { -84, -75, -66 }, { 84, -75, -66 },
        { -90, -20, -70 }, { 90, -20, -70 },   { -86, 30, -70 },  { 86, 30, -70 },   { -70, 72, -66 },
        { 70, 72, -66 },   { -40, 98, -55 },   { 40, 98, -55 },   { 0, 98, -40 },
};

const cv::Vec3d AXIS(0, 0, -72); /* what the head turns about */
const double REACH = 155;        /* millimetres from there on nothing moves */
const int REACH_POINTS = 20;
const double SMOOTH = 2.2; /* millimetres over which the edges between triangles are rounded off */

/* A lid, in widths of its eye: how far it reaches beyond the landmarks, how wide and how dark its lashes are. */
const double CORNER = 0.12, ABOVE = 0.28, BELOW = 0.10, LASHES = 0.08, LASHES_SHADE = 0.75;

cv::Matx33d about_x(double degrees)
{
        const double c = std::cos(degrees * CV_PI / 180), s = std::sin(degrees * CV_PI / 180);

        return { 1, 0, 0, 0, c, -s, 0, s, c };
}

cv::Matx33d about_y(double degrees)
{
        const double c = std::cos(degrees * CV_PI / 180), s = std::sin(degrees * CV_PI / 180);

        return { c, 0, s, 0, 1, 0, -s, 0, c };
}

cv::Matx33d about_z(double degrees)
{
        const double c = std::cos(degrees * CV_PI / 180), s = std::sin(degrees * CV_PI / 180);

        return { c, -s, 0, s, c, 0, 0, 0, 1 };
}

cv::Point2d flat(const cv::Vec3d &p)
{
        return { p[0], p[1] };
}

/* Twice the signed area. */
double area(const cv::Point2d &a, const cv::Point2d &b, const cv::Point2d &c)
{
        return (b - a).cross(c - a);
}

/* Says for each pixel of the triangle @to which point of @from it shows. */
void fill(cv::Mat &map, const cv::Point2d to[3], const cv::Point2d from[3])
{
        const double whole = area(to[0], to[1], to[2]), edge = -1e-6;
        const auto [left, right] = std::minmax({ to[0].x, to[1].x, to[2].x });
        const auto [top, bottom] = std::minmax({ to[0].y, to[1].y, to[2].y });

        for (int y = std::max(0, int(std::ceil(top))); y <= std::min(map.rows - 1, int(bottom)); y++)
                for (int x = std::max(0, int(std::ceil(left))); x <= std::min(map.cols - 1, int(right)); x++) {
                        const cv::Point2d p(x, y);
                        const double a = area(p, to[1], to[2]) / whole, b = area(to[0], p, to[2]) / whole;
                        if (a < edge || b < edge || a + b > 1 - edge)
                                continue;
                        map.at<cv::Point2f>(y, x) = a * from[0] + b * from[1] + (1 - a - b) * from[2];
                }
}

/* The colour at a place, inside the picture or nearest to it. */
cv::Vec3d colour(const cv::Mat &m, double x, double y)
{
        return m.at<cv::Vec3b>(std::clamp(cvRound(y), 0, m.rows - 1), std::clamp(cvRound(x), 0, m.cols - 1));
}

/* The height of a chain of three pieces at @x, its ends apart. */
double chain(const cv::Point2f *const p[4], double x)
{
        for (int i = 0; i < 3; i++)
                if (x <= p[i + 1]->x || i == 2) {
                        const double part = (x - p[i]->x) / std::max(0.5f, p[i + 1]->x - p[i]->x);
                        return p[i]->y + part * (p[i + 1]->y - p[i]->y);
                }
        return p[3]->y;
}

} // namespace

head::head(const struct portrait &portrait) : picture(portrait.picture)
{
        std::copy_n(portrait.landmark, size_t(LANDMARKS), landmark);
        fit(portrait);
        surround();
        connect();
}

/* Weak perspective: the picture is the model rotated, scaled and shifted. The affine map with the least error is made
 * a rotation; landmarks keep the place where they were found and take the depth of the model. */
void head::fit(const struct portrait &portrait)
{
        std::vector<std::pair<cv::Vec3d, int>> pairs;
        for (const auto &row : FACE) {
                pairs.push_back({ { row.x, row.y, row.z }, row.left });
                if (row.right != row.left)
                        pairs.push_back({ { -row.x, row.y, row.z }, row.right });
        }

        cv::Mat model(int(pairs.size()), 4, CV_64F), found(int(pairs.size()), 2, CV_64F), affine;
        for (int i = 0; i < model.rows; i++) {
                const auto &[at, which] = pairs[size_t(i)];
                for (int k = 0; k < 3; k++)
                        model.at<double>(i, k) = at[k];
                model.at<double>(i, 3) = 1;
                found.at<double>(i, 0) = double(portrait.landmark[which].x);
                found.at<double>(i, 1) = double(portrait.landmark[which].y);
        }
        cv::solve(model, found, affine, cv::DECOMP_SVD);

        cv::Mat w, u, vt;
        cv::SVD::compute(affine.rowRange(0, 3).t(), w, u, vt);
        const cv::Mat rows = u * vt;
        const cv::Vec3d right(rows.ptr<double>(0)), down(rows.ptr<double>(1)), forward = right.cross(down);
        rotation = { right[0], right[1], right[2], down[0], down[1], down[2], forward[0], forward[1], forward[2] };
        scale = (w.at<double>(0) + w.at<double>(1)) / 2;
        origin = { affine.at<double>(3, 0), affine.at<double>(3, 1), 0 };

        for (const auto &[at, which] : pairs) {
                const cv::Vec3d p = origin + scale * (rotation * at);
                points.push_back({ double(landmark[which].x), double(landmark[which].y), p[2] });
        }
}

double head::yaw() const
{
        return std::atan2(rotation(0, 2), rotation(2, 2)) * 180 / CV_PI;
}

/* What is about the face: the rest of the head, which moves, then a ring and the frame, which do not. */
void head::surround()
{
        const cv::Rect2d room(0, 0, picture.cols - 1, picture.rows - 1);
        const cv::Vec3d axis = origin + scale * (rotation * AXIS);

        for (const cv::Vec3d &at : SKULL)
                points.push_back(origin + scale * (rotation * at));
        moving = points.size();
        for (int i = 0; i < REACH_POINTS; i++) {
                const double angle = 2 * CV_PI * i / REACH_POINTS;
                const cv::Vec3d p = axis + scale * REACH * cv::Vec3d(std::cos(angle), std::sin(angle), 0);
                if (room.contains(flat(p)))
                        points.push_back(p);
        }
        for (int i = 0; i < 16; i++) {
                const double along = (i % 4) / 4.0, x[4] = { along, 1, 1 - along, 0 },
                             y[4] = { 0, along, 1, 1 - along };
                points.push_back({ x[i / 4] * room.width, y[i / 4] * room.height, axis[2] });
        }
}

void head::connect()
{
        const int margin = 2 * std::max(picture.cols, picture.rows);
        cv::Subdiv2D net(cv::Rect(-margin, -margin, picture.cols + 2 * margin, picture.rows + 2 * margin));
        std::vector<cv::Vec6f> found;
        std::vector<cv::Point2f> at;

        for (const cv::Vec3d &p : points) {
                at.push_back(flat(p));
                net.insert(at.back());
        }
        net.getTriangleList(found);
        for (const cv::Vec6f &f : found) {
                struct triangle t;
                bool known = true;
                for (int k = 0; k < 3; k++) {
                        const auto i = std::find(at.begin(), at.end(), cv::Point2f(f[2 * k], f[2 * k + 1]));
                        known = known && i != at.end();
                        t.corner[k] = int(i - at.begin());
                }
                if (known)
                        triangles.push_back(t);
        }
}

/* Lids of skin come down over the eyes, with the lashes at their rim. The skin is that above the eye, and near the
 * lower lid that below it. */
cv::Mat head::shut_eyes(double lids) const
{
        static const int UPPER[2][4] = { { 36, 37, 38, 39 }, { 42, 43, 44, 45 } };
        static const int LOWER[2][4] = { { 36, 41, 40, 39 }, { 42, 47, 46, 45 } };
        cv::Mat skin, lid = picture.clone(), cover = cv::Mat::zeros(picture.size(), CV_32F), out;

        for (int e = 0; e < 2; e++) {
                const cv::Point2f *upper[4], *lower[4];
                for (int i = 0; i < 4; i++) {
                        upper[i] = &landmark[UPPER[e][i]];
                        lower[i] = &landmark[LOWER[e][i]];
                }
                const double left = double(upper[0]->x), right = double(upper[3]->x), width = right - left;
                const double beyond = CORNER * width;
                cv::GaussianBlur(picture, skin, cv::Size(), 0.12 * width);
                for (int x = int(left - beyond); x <= int(right + beyond); x++) {
                        const double in = std::sqrt(
                                std::clamp(std::min(x - left + beyond, right + beyond - x) / (3 * beyond), 0.0, 1.0));
                        const double top = chain(upper, x) - ABOVE * width * in, lashes = chain(lower, x);
                        const double bottom = lashes + BELOW * width * in, rim = top + lids * (bottom - top);
                        const cv::Vec3d from = colour(skin, x, top - 0.04 * width);
                        const cv::Vec3d to = colour(skin, x, bottom + 0.06 * width);
                        for (int y = std::max(0, cvRound(top)); y <= std::min(picture.rows - 1, cvRound(rim)); y++) {
                                const double part = (y - top) / std::max(1.0, bottom - top);
                                const double off = (y - std::min(rim, lashes)) / (LASHES * width);
                                const double shade = 1 - LASHES_SHADE * in * std::exp(-off * off);
                                lid.at<cv::Vec3b>(y, x) = shade * (from + part * (to - from));
                                cover.at<float>(y, x) = 1;
                        }
                }
        }
        cv::GaussianBlur(cover, cover, cv::Size(), 0.8);
        const cv::Mat skip = cv::Mat(1 - cover);
        cv::blendLinear(lid, picture, cover, skip, out);
        return out;
}

cv::Mat head::render(const struct head_pose &pose) const
{
        const cv::Matx33d turn = about_z(pose.roll) * rotation * about_x(pose.pitch) * about_y(pose.yaw) * rotation.t();
        const cv::Vec3d axis = origin + scale * (rotation * AXIS);
        std::vector<cv::Vec3d> moved = points;
        for (size_t i = 0; i < moving; i++)
                moved[i] = axis + turn * (points[i] - axis) + cv::Vec3d(pose.shift.x, pose.shift.y, 0);

        /* The near ones are drawn over the far ones; those that face away are hidden. */
        std::vector<std::pair<double, const struct triangle *>> order;
        for (const struct triangle &t : triangles)
                order.push_back(
                        { moved[size_t(t.corner[0])][2] + moved[size_t(t.corner[1])][2] + moved[size_t(t.corner[2])][2],
                          &t });
        std::sort(order.begin(), order.end());

        cv::Mat still(picture.size(), CV_32FC2), map, out;
        for (int y = 0; y < still.rows; y++)
                for (int x = 0; x < still.cols; x++)
                        still.at<cv::Point2f>(y, x) = cv::Point2f(float(x), float(y));
        map = still.clone();
        for (const auto &[depth, t] : order) {
                cv::Point2d from[3], to[3];
                for (int k = 0; k < 3; k++) {
                        from[k] = flat(points[size_t(t->corner[k])]);
                        to[k] = flat(moved[size_t(t->corner[k])]);
                }
                if (area(from[0], from[1], from[2]) * area(to[0], to[1], to[2]) > 0)
                        fill(map, to, from);
        }
        map -= still;
        cv::GaussianBlur(map, map, cv::Size(), SMOOTH * scale);
        map += still;

        const cv::Mat source = pose.lids > 0 ? shut_eyes(pose.lids) : picture;
        cv::remap(source, out, map, cv::noArray(), cv::INTER_CUBIC, cv::BORDER_REPLICATE);
        return out;
}
