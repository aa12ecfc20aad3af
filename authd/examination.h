/* One examination of the person before the camera, from pictures to a decision. It knows no bus, no clock and no
 * camera: it is told what was seen and when.
 *
 *     searching ──▶ challenge ──▶ passed
 *         └─────────────┴───────▶ failed
 *
 * Searching gathers pictures that are good enough and show one and the same face straight; a verification compares them
 * with the template. The challenge follows (challenge.h). At its end the face, which looks straight again, is compared
 * once more: with the template by a verification, with itself by an enrolment.
 *
 * Another look is added as a face is enrolled, and has to be like the template as for a verification, or nearly: its
 * person has matched a moment ago, with the usual look.
 *
 * An identification passes when it has gathered enough: its pictures' embeddings are compared by whoever asked. It has
 * no challenge, for nothing comes of it.
 *
 * An enrolment keeps the sharpest picture's embedding of the face looking straight, of each pose that it is guided
 * through, and looking straight again. What is blurred, dark, covered or not alone does not count there, and is said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "authd/challenge.h"
#include "authd/failure.h"
#include "authd/manifest.h"
#include "authd/quality.h"
#include "authd/rotation.h"
#include "authd/track.h"

enum examination_phase { EXAMINATION_SEARCHING, EXAMINATION_CHALLENGE, EXAMINATION_PASSED, EXAMINATION_FAILED };

enum examination_kind { EXAMINATION_ENROL, EXAMINATION_VERIFY, EXAMINATION_ADD_LOOK, EXAMINATION_IDENTIFY };

enum { EXAMINATION_SCORES_MAX = 64 };

struct examination {
        enum examination_kind kind;
        enum examination_phase phase;
        enum failure failure;
        struct thresholds thresholds;
        struct classic *classic; /* of an engine without networks (classic.h), or NULL; owned */
        enum quality quality;    /* of the last picture */
        uint32_t random;
        struct template known;           /* of a verification */
        const struct rotation *rotation; /* of it */
        struct template seen;            /* what it gathers, not rotated */
        float sharpest[EMBEDDING_SIZE];  /* of the current pose, and how sharp it was; 0: none yet */
        double sharpness;
        struct track track;
        struct posture posture; /* of the pictures of the search */
        struct challenge challenge;
        const char *hint;                  /* for a person, or "" */
        double progress;                   /* 0 to 1 */
        struct box box;                    /* zero: no face */
        struct point landmark[LANDMARKS];  /* as fractions of the picture; all zero: they were not seen */
        uint64_t begun, pictured, several; /* microseconds: the first picture, the last one; since when there is more
                                              than one face, or 0 */
        unsigned pictures, faces, good, rivals, dark;
        double score[EXAMINATION_SCORES_MAX]; /* cosines with the template, of the current phase */
        unsigned scores;
        double strength;  /* the smaller median of the two phases of a verification */
        bool infrared;    /* the camera is; to be set after examination_begin() */
        double contrast;  /* of the face and what is around it, sum over the good pictures of the search */
        double bona_fide; /* sum over the good pictures of the search */
        unsigned bona_fides;
        bool suspect; /* it has to be counted as a failure unless it passes: a picture did not match, or the challenge
                         has begun (who could leave it for nothing would wait for the one that a recording fits) */
};

/* Begins at @now (microseconds of any clock that does not stop). @thresholds: of the networks, copied. @known: of the
 * account to verify, copied, and its rotation, which must outlive the examination; both NULL for another kind. @random
 * is uniform and unknown to anybody. */
void examination_begin(struct examination *e, enum examination_kind kind, const struct thresholds *thresholds,
                       const struct template *known, const struct rotation *rotation, uint32_t random, uint64_t now);

/* After it: makes it an examination for the engine "lbph" (classic.h). @classic passes over. */
void examination_use_classic(struct examination *e, struct classic *classic);

/* What was seen in the next picture, or NULL when time has passed without one. Changes @phase at most to the next; once
 * it has passed or failed, nothing changes. */
void examination_observe(struct examination *e, const struct observation *o, uint64_t now);

/* OBSERVE_… to ask for in the next picture. */
unsigned examination_wanted(const struct examination *e);

/* The prompt's name on the bus, and as a sentence; "" if nothing is asked. */
const char *examination_prompt(const struct examination *e);
const char *examination_prompt_text(const struct examination *e);

/* How far the head is turned, and is asked to be. False if no turn by an amount is asked for. */
bool examination_turn(const struct examination *e, struct turn *out);

/* For classic.c: adds a likeness to those of the current phase; the median of them, -1 if there is none; the end. */
void examination_score(struct examination *e, double score);
double examination_median(const struct examination *e);
void examination_pass(struct examination *e);
void examination_fail(struct examination *e, enum failure f);

/* Wipes what it has learnt of faces. */
void examination_wipe(struct examination *e);
