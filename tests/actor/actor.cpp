/* How an actor moves over time. */
#include "actor.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "head.h"

namespace
{

const double REACTION = 0.2;                         /* seconds */
const double CLOSE = 0.08, SHUT = 0.20, OPEN = 0.12; /* of a blink, seconds */
const double BLINK_NEXT = 0.75;                      /* of several that were asked for */
const double BLINK_AGAIN = 1.6;                      /* while the prompt stands, if no number was asked for */
const double TURNED = 25, LITTLE = 16, FAR = 32;     /* degrees away from looking straight */
const double TURNED_MOST = 38;                       /* degrees away from facing the camera */
const double RAISED = 18, LOWERED = 21;              /* degrees */
const double STRAIGHTEN = 0.6;                       /* how much of the photograph's own turn is taken back */
const double TILTED = 26;                            /* degrees that a held photograph is tilted */
const double NOISE = 1.6;                            /* grey values, standard deviation */
const int NOISE_MARGIN = 64;

/* From 0 to 1 as a limb moves: speed and acceleration are zero at both ends (Flash and Hogan, 1985). */
double minimum_jerk(double t)
{
        t = std::clamp(t, 0.0, 1.0);
        return t * t * t * (10 - 15 * t + 6 * t * t);
}

/* A slow wander about 0 with an amplitude near 1, different for each @which. */
double wander(double now, double which)
{
        return 0.6 * std::sin(now * (1.1 + 0.13 * which) + 7 * which) +
               0.4 * std::sin(now * (2.3 + 0.29 * which) + 3 * which);
}

bool ends_with(const std::string &text, const std::string &end)
{
        return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

} // namespace

struct actor {
        struct portrait portrait;
        std::unique_ptr<head> person; /* none: a photograph is held up */
        std::string prompt;
        double since = 0;         /* of the prompt */
        double last_blink = -1e9; /* when the last blink began */
        unsigned blinks = 0;      /* since the prompt came */
        double straight = 0;      /* degrees of yaw when looking straight */
        cv::Point2d from;         /* degrees of yaw and pitch when the prompt came */
        double phase;             /* of the sway */
        cv::RNG random;
        cv::Mat noise;

        actor(struct portrait found, bool still, uint64_t seed);
        cv::Point2d goal() const;
        cv::Point2d gaze(double now) const;
        double lids(double now);
        cv::Mat act(double now);
        cv::Mat hold_up(double now);
        cv::Mat expose(const cv::Mat &scene, double now);
};

actor::actor(struct portrait found, bool still, uint64_t seed) : portrait(found), random(seed)
{
        if (!still) {
                person = std::make_unique<head>(portrait);
                straight = -STRAIGHTEN * person->yaw();
        }
        from.x = straight;
        phase = random.uniform(0.0, 100.0);
        noise.create(portrait.picture.rows + NOISE_MARGIN, portrait.picture.cols + NOISE_MARGIN, CV_16SC3);
        random.fill(noise, cv::RNG::NORMAL, 0, NOISE);
}

/* Degrees of yaw and pitch away from the portrait that the prompt asks for. Whoever faces the camera has the left where
 * the picture has its right. */
cv::Point2d actor::goal() const
{
        const bool left = prompt.rfind("turn-left", 0) == 0, right = prompt.rfind("turn-right", 0) == 0;
        const double amount = ends_with(prompt, "-a-little") ? LITTLE : ends_with(prompt, "-far") ? FAR : TURNED;

        if (left)
                return { person ? std::min(straight + amount, TURNED_MOST - person->yaw()) : TILTED, 0 };
        if (right)
                return { person ? std::max(straight - amount, -TURNED_MOST - person->yaw()) : -TILTED, 0 };
        if (prompt == "look-up")
                return { straight, person ? RAISED : TILTED };
        if (prompt == "look-down")
                return { straight, person ? -LOWERED : -TILTED };
        return { straight, 0 };
}

/* A large movement takes longer than a small one, and is faster. */
cv::Point2d actor::gaze(double now) const
{
        const cv::Point2d way = goal() - from;
        const double takes = 0.35 + std::hypot(way.x, way.y) / 80;

        return from + way * minimum_jerk((now - since - REACTION) / takes);
}

/* A blink that has begun is finished, whatever the prompt has become. */
double actor::lids(double now)
{
        const bool counted = prompt.rfind("blink-", 0) == 0;
        const unsigned asked = counted ? unsigned(std::atoi(prompt.c_str() + 6)) : prompt == "blink" ? UINT_MAX : 0;

        if (blinks < asked && now >= since + REACTION && now >= last_blink + (counted ? BLINK_NEXT : BLINK_AGAIN)) {
                last_blink = now;
                blinks++;
        }
        const double t = now - last_blink;
        return std::min(minimum_jerk(t / CLOSE), 1 - minimum_jerk((t - CLOSE - SHUT) / OPEN));
}

/* A person, who never sits quite still. */
cv::Mat actor::act(double now)
{
        const double unit = portrait.picture.rows / 480.0, t = now + phase;
        struct head_pose pose = {};

        pose.yaw = gaze(now).x + 0.7 * wander(t, 1);
        pose.pitch = gaze(now).y + 0.6 * wander(t, 2);
        pose.roll = 0.5 * wander(t, 3);
        pose.shift = unit * cv::Point2d(1.5 * wander(t, 4), wander(t, 5));
        pose.lids = lids(now);
        return person->render(pose);
}

/* A flat picture in a hand: it is turned in space and seen in perspective, all of it. */
cv::Mat actor::hold_up(double now)
{
        const double width = portrait.picture.cols, height = portrait.picture.rows, t = now + phase;
        const double yaw_angle = (gaze(now).x + 1.5 * wander(t, 1)) * CV_PI / 180;
        const double pitch_angle = (gaze(now).y + 1.5 * wander(t, 2) + 8 * lids(now)) * CV_PI / 180;
        const double roll_angle = 1.2 * wander(t, 3) * CV_PI / 180;
        const double grow = 1.12 + 0.02 * wander(t, 4), distance = 1.6 * width;
        cv::Point2f from_corner[4], to_corner[4];

        for (int i = 0; i < 4; i++) {
                const double x = (i == 1 || i == 2 ? 0.5 : -0.5) * width, y = (i >= 2 ? 0.5 : -0.5) * height;
                const double rolled_x = x * std::cos(roll_angle) - y * std::sin(roll_angle);
                const double rolled_y = x * std::sin(roll_angle) + y * std::cos(roll_angle);
                const double depth = rolled_x * std::sin(yaw_angle) + rolled_y * std::sin(pitch_angle);
                const double nearer = grow * distance / (distance + depth);
                from_corner[i] = cv::Point2f(float(x + width / 2), float(y + height / 2));
                to_corner[i] =
                        cv::Point2f(float(width / 2 + nearer * rolled_x * std::cos(yaw_angle) + 6 * wander(t, 5)),
                                    float(height / 2 + nearer * rolled_y * std::cos(pitch_angle) + 5 * wander(t, 6)));
        }
        cv::Mat out;
        cv::warpPerspective(portrait.picture, out, cv::getPerspectiveTransform(from_corner, to_corner),
                            portrait.picture.size(), cv::INTER_CUBIC, cv::BORDER_REPLICATE);
        return out;
}

/* The sensor: light that flickers a little, and noise. */
cv::Mat actor::expose(const cv::Mat &scene, double now)
{
        const cv::Rect grain(random.uniform(0, NOISE_MARGIN), random.uniform(0, NOISE_MARGIN), scene.cols, scene.rows);
        cv::Mat out;

        scene.convertTo(out, CV_16SC3, 1 + 0.008 * wander(now + phase, 7));
        out += noise(grain);
        out.convertTo(out, CV_8UC3);
        return out;
}

int actor_new(struct vision *v, const struct role *role, struct actor **out)
{
        try {
                struct portrait found;
                const int r = portrait_read(v, role->photo, role->face, cv::Size(int(role->width), int(role->height)),
                                            &found);
                if (r == 0)
                        *out = new actor(found, role->still, role->seed);
                return r;
        } catch (const std::bad_alloc &) {
                return -ENOMEM;
        } catch (const std::exception &) {
                return -EIO;
        }
}

void actor_prompt(struct actor *a, const char *prompt, double now)
{
        a->from = a->gaze(now);
        a->prompt = prompt;
        a->since = now;
        a->blinks = 0;
}

int actor_frame(struct actor *a, double now, struct frame *out)
{
        try {
                const cv::Mat picture = a->expose(a->person ? a->act(now) : a->hold_up(now), now);
                const int r = frame_resize(out, unsigned(picture.cols), unsigned(picture.rows));
                if (r == 0)
                        memcpy(out->pixels, picture.data, frame_size(out));
                return r;
        } catch (const std::bad_alloc &) {
                return -ENOMEM;
        } catch (const std::exception &) {
                return -EIO;
        }
}

struct actor *actor_free(struct actor *a)
{
        delete a;
        return nullptr;
}
