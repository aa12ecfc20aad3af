/* The manifest of an engine's models: which files they are, by SHA-256, what goes in, what comes out, and from which
 * figure on it counts. JSON, so that an administrator can put another network in place and calibrate it
 * (docs/models.md describes each key).
 *
 * It decides who gets in, so it is read strictly: an unknown key, a missing one, a number out of its range or a file
 * name that leads elsewhere is an error that says where it is, and nothing is guessed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "services/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

enum engine {
        ENGINE_DEEP, /* networks over OpenCV's dnn */
        ENGINE_LBPH, /* Haar cascades and histograms of local binary patterns: no network */
        ENGINE_COUNT,
};

enum model {
        MODEL_DETECT,   /* RFB-320: where the faces are */
        MODEL_LANDMARK, /* 68 points of a face */
        MODEL_FEATURE,  /* MobileFaceNet: the embedding */
        MODEL_LIVENESS, /* passive presentation attack detection */
        MODEL_POSE,     /* yaw, pitch and roll of the head */
        MODEL_EYE,      /* open or closed */
        MODEL_COUNT,
};

enum channels { CHANNELS_RGB, CHANNELS_BGR, CHANNELS_GREY };

enum {
        MANIFEST_SIZE_MAX = 64 * 1024,
        MANIFEST_TEXT_MAX = 255,
        MANIFEST_OUTPUTS_MAX = 3,
        MANIFEST_ERROR_MAX = 256,
};

/* What a network is given: each value v of channel i becomes (v - mean[i]) × scale[i]. */
struct model_input {
        unsigned width, height;
        enum channels channels;
        double mean[3], scale[3]; /* in the order of @channels; grey: the first */
};

struct model_entry {
        bool used;                        /* by the engine */
        char file[MANIFEST_TEXT_MAX + 1]; /* in the models' directory, or absolute; "": it is in the program */
        uint8_t sha256[32];
        char licence[MANIFEST_TEXT_MAX + 1], origin[MANIFEST_TEXT_MAX + 1]; /* for people */
        struct model_input input;
        char output[MANIFEST_OUTPUTS_MAX][32];
};

/* From which figure on it counts. */
struct thresholds {
        double match;              /* of MODEL_FEATURE: cosine with the template, of one person */
        double same;               /* cosine of two pictures of one face in one sitting */
        double hopeless, doubtful; /* of MODEL_LIVENESS: mean below which it is refused; below which it is examined more
                                      closely */
};

struct manifest {
        enum engine engine;
        char name[MANIFEST_TEXT_MAX + 1];
        struct model_entry model[MODEL_COUNT];
        double score, overlap; /* of MODEL_DETECT: what counts as a face, and as the same one */
        struct thresholds thresholds;
};

/* Reads a manifest. -EBADMSG: it is none, and @error is a sentence that says where and what; @out is left alone then.
 * -ENOMEM. */
int manifest_parse(struct bytes json, struct manifest *out, char error[MANIFEST_ERROR_MAX]);

/* Reads ENGINE.json of @directory. A sentence that says what to do has been logged on error: what open(2) and read(2)
 * say, -EMSGSIZE if it is larger than MANIFEST_SIZE_MAX, errors of manifest_parse(), -EBADMSG also if it is of another
 * engine. */
int manifest_load(const char *directory, enum engine engine, struct manifest *out);

/* "deep", "lbph". -EINVAL: there is no such engine. */
const char *engine_name(enum engine e);
int engine_parse(const char *name, enum engine *out);

/* "detect" and so on. */
const char *model_name(enum model m);

#ifdef __cplusplus
}
#endif
