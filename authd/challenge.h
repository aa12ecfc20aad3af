/* The active liveness challenge: movements picked at random, which a recording cannot know and a photograph cannot do.
 *
 *     act 1 ─▶ rest ─▶ act 2 ─▶ rest … ─▶ done            each with a deadline
 *       └─────────┴──────┴─▶ wrong movement, flat, late
 *
 * A turn of the head is asked for by an amount, a little or far, and a number of blinks is counted; the other amount,
 * the other side and another number are wrong movements. Every challenge holds at least one turn, because a turn shows
 * whether the face has depth (relief.h). "Left" and "right" are the person's own.
 *
 * An enrolment is guided through all poses instead, in random order, by whatever amount and without rests between them.
 * It has more time, and another movement than the one asked for is waited out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "authd/vision/vision.h"

enum action {
        /* Of a challenge; turns first. */
        ACTION_LEFT_LITTLE,
        ACTION_RIGHT_LITTLE,
        ACTION_LEFT_FAR,
        ACTION_RIGHT_FAR,
        ACTION_BLINK_1,
        ACTION_BLINK_2,
        ACTION_BLINK_3,
        /* Of a guided enrolment. */
        ACTION_TURN_LEFT,
        ACTION_TURN_RIGHT,
        ACTION_LOOK_UP,
        ACTION_LOOK_DOWN,
        ACTION_COUNT,
};

enum { CHALLENGE_PICKED_MAX = 3, CHALLENGE_POSES = 4 };

/* The action's name on the bus, such as turn-left-far, blink-2 or look-up. */
const char *action_name(enum action a);

/* How a head looks at rest: the mean of several pictures. */
struct posture {
        unsigned count;
        struct point landmark[LANDMARKS]; /* sums, as all below */
        double yaw, pitch, heading, eyes;
};

/* Adds a picture with landmarks, eyes and pose. */
void posture_add(struct posture *p, const struct observation *o);

/* Whether the eyes can be read, so that a blink would be seen: sunglasses and laughing eyes cannot. */
bool posture_eyes_readable(const struct posture *p);

enum challenge_result {
        CHALLENGE_GOES_ON,
        CHALLENGE_DONE,
        CHALLENGE_WRONG, /* another movement than the one asked for, or another amount or number */
        CHALLENGE_FLAT,  /* the face turned and has no depth */
        CHALLENGE_STILL, /* what was asked for did not happen in time, or was not seen happening */
        CHALLENGE_LATE,  /* the face did not look straight again in time */
};

struct challenge {
        enum action action[CHALLENGE_POSES];
        unsigned count, current;
        bool guides;
        bool resting, posed;           /* the last picture showed the head as the current act asks for it */
        struct posture posture;        /* before the current movement */
        double straight, level, ahead; /* yaw, pitch and heading at the very beginning */
        uint64_t since;                /* when the current act or rest was asked for */
        unsigned frames;               /* of a rest, or of a head turned as asked */
        uint64_t held;                 /* since when it is turned so */
        unsigned wrong;                /* pictures in a row of a head that moved otherwise */
        unsigned halfway;              /* pictures of a head that turned, but not as far as asked */
        struct point turned[LANDMARKS];
        uint64_t shut, opened; /* when the eyes shut, 0: they are open; when they opened again */
        double deepest;        /* how far their log-odds have dropped meanwhile */
        unsigned blinked;
        double yaw, pitch, heading; /* the last, relative to the beginning; yaw: the mean of the network's and the
                                       landmarks' */
        uint64_t seen;              /* when that was */
        unsigned missed;            /* pictures since then in which the face was not */
        bool jumped; /* the head did not turn where it is, it was there: another picture of it, perhaps */
};

/* Picks @count actions (2 to CHALLENGE_PICKED_MAX), every allowed sequence with the same probability, by @random: 40 of
 * two and 316 of three; without @blink only turns, 16 and 64. */
void challenge_pick(struct challenge *c, unsigned count, bool blink, uint32_t random);

/* Picks the guided enrolment: every order of the poses with the same probability. */
void challenge_guide(struct challenge *c, uint32_t random);

/* Begins with the first action, from a posture of several pictures. */
void challenge_begin(struct challenge *c, const struct posture *p, uint64_t now);

/* The next picture did not show the face, or another one beside it. */
void challenge_missed(struct challenge *c);

/* What the person does; NULL: no picture, or not of that face. Once it is not CHALLENGE_GOES_ON, the challenge is
 * over. */
enum challenge_result challenge_observe(struct challenge *c, const struct observation *o, uint64_t now);

/* OBSERVE_… that the current act or rest needs in picture number @n. */
unsigned challenge_wanted(const struct challenge *c, unsigned n);

/* How far the head was turned in the last picture, in degrees that count like those of yaw. */
double challenge_turned(const struct challenge *c);

/* How far the head has turned, in degrees, to the person's left; and from where to where the current act asks it to be
 * turned. False if it asks for no turn by an amount. */
struct turn {
        double now, from, to;
};
bool challenge_turn(const struct challenge *c, struct turn *out);

/* What is to be done about a movement that is not as asked, as a sentence for a person; "" if nothing is. */
const char *challenge_hint(const struct challenge *c);

/* How much of it is done, 0 to 1. */
double challenge_progress(const struct challenge *c);

/* The prompt's name on the bus: action_name(), or look-straight. */
const char *challenge_prompt(const struct challenge *c);
