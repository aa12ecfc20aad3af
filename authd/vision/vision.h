/* The eyes: one C interface to the engines, which are OpenCV's, and the only place where OpenCV is used.
 *
 * An object of this kind belongs to one thread at a time. No exception leaves it. Nothing is decided here: it measures,
 * and what the measurements mean is said in quality.h, challenge.h and template.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authd/frame.h"
#include "authd/models.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LANDMARKS = 68, EMBEDDING_SIZE = 512, HISTOGRAM_SIZE = 8 * 8 * 256 };

struct point {
        double x, y;
};

/* As fractions of the frame's width and height; all zero: there is none. */
struct box {
        double x, y, width, height;
};

/* What is to be measured beyond the detector, which always runs. Each engine observes what it can. */
enum {
        OBSERVE_LANDMARKS = 1 << 0, /* and brightness and sharpness */
        OBSERVE_EYES = 1 << 1,      /* needs landmarks */
        OBSERVE_POSE = 1 << 2,
        OBSERVE_LIVENESS = 1 << 3,
        OBSERVE_EMBEDDING = 1 << 4, /* needs landmarks */
        OBSERVE_HISTOGRAM = 1 << 5, /* of the engine lbph */
};

/* What was seen. Fields that were not asked for are zero. */
struct observation {
        unsigned observed; /* OBSERVE_… that hold */
        unsigned faces;    /* how many there are; the rest is about the largest */
        double rival;      /* width of the second largest face as a part of this one's; 0: there is none */
        struct box box;    /* clipped to the frame */
        double frame_width, frame_height;  /* pixels */
        double size;                       /* the box's width in pixels */
        double brightness;                 /* mean grey value of the face, 0 to 255; of the picture, if there is none */
        double sharpness;                  /* variance of the Laplacian of the face at 112 x 112, grey */
        struct point landmark[LANDMARKS];  /* in pixels of the frame; order of the iBUG 300-W annotation */
        double eye_open[2];                /* probability; the eye that is left in the picture first */
        double yaw, pitch, roll;           /* degrees; yaw grows as the nose goes right in the picture */
        double bona_fide;                  /* probability that this is no presentation attack, by the passive network */
        float embedding[EMBEDDING_SIZE];   /* of length 1 */
        uint8_t histogram[HISTOGRAM_SIZE]; /* of local binary patterns: counts for 8 x 8 cells, 256 patterns each */
        double surround;                   /* mean grey value around the face, as far as half its width and height */
};

struct vision;

/* Parses the networks and gives each one picture, so that they are ready. @m is no longer needed afterwards. -EBADMSG
 * if one of them cannot be parsed, or does not give what its manifest says; -ENOMEM. */
int vision_new(const struct models *m, struct vision **out);

/* NULL is allowed. Returns NULL. */
struct vision *vision_free(struct vision *v);
void vision_release(struct vision **v);
#define _cleanup_vision_ __attribute__((cleanup(vision_release)))

/* Looks at @f for what @wanted (OBSERVE_…) says. No face is no error. -EINVAL for an empty frame, -EIO if a network
 * fails. */
int vision_observe(struct vision *v, const struct frame *f, unsigned wanted, struct observation *out);

/* As vision_observe(), for every face, the largest first: at most @max; @out_count says how many were written. If there
 * is none, the first has the picture's brightness. */
int vision_observe_all(struct vision *v, const struct frame *f, unsigned wanted, struct observation *out, size_t max,
                       size_t *out_count);

/* The cosine between two embeddings, -1 to 1. */
double embedding_cosine(const float a[EMBEDDING_SIZE], const float b[EMBEDDING_SIZE]);

/* 1 for the same histogram, 0 for two that share nothing: 1 less the chi-square distance that OpenCV's LBPH recogniser
 * compares by (compareHist() with HISTCMP_CHISQR_ALT), by its largest value. */
double histogram_likeness(const uint8_t a[HISTOGRAM_SIZE], const uint8_t b[HISTOGRAM_SIZE]);

/* What a model has cost so far: processor time of this process, and how many times it ran. */
struct stage_time {
        unsigned times;
        double seconds;
};
struct stage_time vision_stage(const struct vision *v, enum model m);

/* Whether every number is one that vision_observe() can give: what the process that looks says is not believed
 * otherwise. */
bool observation_valid(const struct observation *o);

#ifdef __cplusplus
}
#endif
