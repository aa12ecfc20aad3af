/* See challenge.h. Measured on eight people of the demo's photographs, moved by tests/actor: a head that turns by 16
 * degrees is seen to turn by 9 to 21 and has a relief of 0.09 to 0.24, one that turns by 32 is seen to turn by 27 to 37
 * and has 0.13 to 0.50. A photograph that is tilted by up to 60 degrees is seen to turn by less than 9, or has a relief
 * below 0.07, but for three of 934 in which something else was taken for the face. A blink lowers the log-odds of open
 * eyes by 8 to 30, noise by less than 2, a head that sways by less than 5. A head that is raised by 18 or lowered by 21
 * degrees is seen to move by 8 to 23. */
#include "authd/challenge.h"

#include <math.h>

#include "authd/heading.h"
#include "authd/relief.h"
#include "services/cleanup.h"

#define SECOND 1000000ULL

static const uint64_t TURN_LONGEST = 6 * SECOND, BLINKS_LONGEST = 8 * SECOND, GUIDED_LONGEST = 10 * SECOND,
                      REST_LONGEST = 5 * SECOND, HINT_AFTER = 3 * SECOND / 2;
static const uint64_t REACTION_MIN = 150 * 1000, /* what comes sooner after the prompt is no answer to it */
        SHUT_MIN = 120 * 1000,                   /* people blink unasked, and faster than that */
        SHUT_MAX = 3 * SECOND / 2, QUIET = 600 * 1000 /* between two blinks at most, and after the last */;
static const double STRAIGHT_MAX = 8, LEVEL_MAX = 6, NOD_MIN = 6; /* degrees */
static const double ELSEWHERE = 12;                               /* degrees to where nobody asked */
static const double RELIEF_MAX = 0.75;                            /* the sine of a turn by which a face is hidden */
static const double EYES_READABLE = 1, SHUT_DROP = 6, OPEN_DROP = 1.5; /* log-odds */
static const double OPEN_PART = 0.3; /* of the drop, since a head that sways shows its eyes otherwise */
enum { TURNED_FRAMES = 3, FLAT_FRAMES = 12, REST_FRAMES = 3, WRONG_FRAMES = 3 };
enum { TURNS = ACTION_BLINK_1, PICKED = ACTION_TURN_LEFT }; /* kinds of action that a challenge may hold */

#define LITTLE .low = 9, .high = 23, .over = 25, .hold = 400 * 1000, .relief = 0.07, .pace = { 6.5, 60, 2 }
#define FAR .low = 25, .high = INFINITY, .over = INFINITY, .relief = 0.10, .pace = { 12, 120, 3 }
#define ANY .low = 13, .high = INFINITY, .over = INFINITY, .relief = 0.10, .pace = { 12, 120, 3 }
#define BLINKS(n) .over = ELSEWHERE, .blinks = (n), .pace = { 12, 120, 3 }

/* How a head gets somewhere; else it is another picture of it. */
struct pace {
        double jump;     /* degrees of heading from one picture to the next that are worth a look */
        double fastest;  /* degrees a second */
        unsigned missed; /* pictures that may be without it */
};

/* What an action asks for. Their left is the picture's right, where yaw grows. */
static const struct movement {
        const char *name;
        int side, nod;    /* of a turn: 1 left, -1 right; of a nod: 1 up, -1 down */
        double low, high; /* degrees to that side; less than the latter */
        double over;      /* from there on it is another movement */
        double relief;    /* at least */
        uint64_t hold;    /* so long: whoever turns further passes by */
        unsigned blinks;
        struct pace pace;
} movements[ACTION_COUNT] = {
        [ACTION_LEFT_LITTLE] = { "turn-left-a-little", .side = 1, LITTLE },
        [ACTION_RIGHT_LITTLE] = { "turn-right-a-little", .side = -1, LITTLE },
        [ACTION_LEFT_FAR] = { "turn-left-far", .side = 1, FAR },
        [ACTION_RIGHT_FAR] = { "turn-right-far", .side = -1, FAR },
        [ACTION_BLINK_1] = { "blink-1", BLINKS(1) },
        [ACTION_BLINK_2] = { "blink-2", BLINKS(2) },
        [ACTION_BLINK_3] = { "blink-3", BLINKS(3) },
        [ACTION_TURN_LEFT] = { "turn-left", .side = 1, ANY },
        [ACTION_TURN_RIGHT] = { "turn-right", .side = -1, ANY },
        [ACTION_LOOK_UP] = { "look-up", .nod = 1 },
        [ACTION_LOOK_DOWN] = { "look-down", .nod = -1 },
};

static const struct movement *current(const struct challenge *c)
{
        return &movements[c->action[c->current]];
}

const char *action_name(enum action a)
{
        return movements[a].name;
}

static double eyes_of(const struct observation *o)
{
        double sum = 0;

        for (unsigned i = 0; i < 2; i++) {
                double p = fmin(fmax(o->eye_open[i], 1e-9), 1 - 1e-9);

                sum += log(p / (1 - p)) / 2;
        }
        return sum;
}

void posture_add(struct posture *p, const struct observation *o)
{
        for (unsigned i = 0; i < LANDMARKS; i++) {
                p->landmark[i].x += o->landmark[i].x;
                p->landmark[i].y += o->landmark[i].y;
        }
        p->yaw += o->yaw;
        p->pitch += o->pitch;
        p->heading += heading_of(o->landmark);
        p->eyes += eyes_of(o);
        p->count++;
}

bool posture_eyes_readable(const struct posture *p)
{
        return p->count > 0 && p->eyes / p->count >= EYES_READABLE;
}

static bool allowed(unsigned sequence, unsigned count, unsigned kinds)
{
        bool turns = false;

        for (unsigned i = 0; i < count; i++, sequence /= kinds)
                turns = turns || sequence % kinds < TURNS;
        return turns;
}

void challenge_pick(struct challenge *c, unsigned count, bool blink, uint32_t random)
{
        unsigned kinds = blink ? PICKED : TURNS, all = count == 2 ? kinds * kinds : kinds * kinds * kinds,
                 sequences = 0;

        for (unsigned s = 0; s < all; s++)
                sequences += allowed(s, count, kinds);
        unsigned wanted = random % sequences; /* at most 316 of 2^32: the bias is nothing */

        for (unsigned s = 0; s < all; s++) {
                if (!allowed(s, count, kinds) || wanted-- != 0)
                        continue;
                for (unsigned i = 0, rest = s; i < count; i++, rest /= kinds)
                        c->action[i] = (enum action)(rest % kinds);
                break;
        }
        c->count = count;
}

/* The order with this number, counted in the factorial number system. */
void challenge_guide(struct challenge *c, uint32_t random)
{
        enum action left[CHALLENGE_POSES] = { ACTION_TURN_LEFT, ACTION_TURN_RIGHT, ACTION_LOOK_UP, ACTION_LOOK_DOWN };

        for (unsigned i = 0; i < CHALLENGE_POSES; i++) {
                unsigned rest = CHALLENGE_POSES - i, which = random % rest;

                random /= rest;
                c->action[i] = left[which];
                left[which] = left[rest - 1];
        }
        c->count = CHALLENGE_POSES;
        c->guides = true;
}

static void ask(struct challenge *c, bool rest, uint64_t now)
{
        c->resting = rest;
        c->since = now;
        c->frames = c->wrong = c->halfway = c->blinked = 0;
        c->shut = 0;
        if (rest)
                c->posture = (struct posture){ 0 };
}

void challenge_begin(struct challenge *c, const struct posture *p, uint64_t now)
{
        c->current = 0;
        ask(c, false, now);
        c->posture = *p;
        c->straight = p->yaw / p->count;
        c->level = p->pitch / p->count;
        c->ahead = p->heading / p->count;
        c->yaw = c->pitch = c->heading = 0;
        c->seen = now;
        c->missed = 0;
        c->jumped = false;
}

/* A head is seen on its way, or is as fast as heads are; a photograph of a turned one that takes another's place is
 * not. Such a turn does not count until the head has looked straight again. Who is guided may be disturbed. */
static void follow(struct challenge *c, const struct observation *o, uint64_t now)
{
        const struct pace *p = &current(c)->pace;
        double heading = heading_of(o->landmark) - c->ahead, moved = fabs(heading - c->heading),
               seconds = (double) (now - c->seen) / 1e6;

        c->heading = heading;
        c->yaw = (o->yaw - c->straight + heading) / 2;
        c->pitch = o->pitch - c->level;
        if (!c->guides && moved > p->jump && (c->missed >= p->missed || moved > p->fastest * seconds))
                c->jumped = true;
        else if (fabs(c->yaw) <= STRAIGHT_MAX)
                c->jumped = false;
        c->seen = now;
        c->missed = 0;
}

void challenge_missed(struct challenge *c)
{
        c->missed++;
}

/* The head is turned as asked: its depth over the last pictures tells whether it is one. */
static enum challenge_result turned(struct challenge *c, const struct observation *o, uint64_t now)
{
        static const double keep = 1 - 1.0 / TURNED_FRAMES;
        const struct movement *m = current(c);
        struct point mean[LANDMARKS];
        double relief;

        if (c->frames == 0)
                c->held = now;
        for (unsigned i = 0; i < LANDMARKS; i++) {
                struct point *p = &c->turned[i];

                if (c->frames == 0)
                        *p = o->landmark[i];
                p->x = keep * p->x + (1 - keep) * o->landmark[i].x;
                p->y = keep * p->y + (1 - keep) * o->landmark[i].y;
                mean[i].x = c->posture.landmark[i].x / c->posture.count;
                mean[i].y = c->posture.landmark[i].y / c->posture.count;
        }
        if (++c->frames < TURNED_FRAMES || now - c->held < m->hold)
                return CHALLENGE_GOES_ON;
        if (relief_measure(mean, c->turned, &relief) >= 0 && m->side * relief >= m->relief &&
            m->side * relief <= RELIEF_MAX)
                return CHALLENGE_DONE;
        return c->frames >= FLAT_FRAMES ? CHALLENGE_FLAT : CHALLENGE_GOES_ON;
}

/* Who comes back halfway has turned by another amount. */
static enum challenge_result turn(struct challenge *c, const struct observation *o, uint64_t now)
{
        const struct movement *m = current(c);
        double sideways = m->side * c->yaw;

        c->posed = sideways >= m->low && sideways < m->high && !c->jumped;
        if (c->posed)
                return turned(c, o, now);
        c->frames = 0;
        c->halfway += sideways >= ELSEWHERE && sideways < m->low;
        return c->halfway >= WRONG_FRAMES && sideways <= STRAIGHT_MAX && !c->guides ? CHALLENGE_WRONG
                                                                                    : CHALLENGE_GOES_ON;
}

static enum challenge_result nod(struct challenge *c)
{
        c->posed = current(c)->nod * c->pitch >= NOD_MIN;
        c->frames = c->posed ? c->frames + 1 : 0;
        return c->frames >= TURNED_FRAMES ? CHALLENGE_DONE : CHALLENGE_GOES_ON;
}

/* Eyes that open again have blinked; when they have stayed open, the blinks are counted. */
static enum challenge_result blink(struct challenge *c, const struct observation *o, uint64_t now)
{
        double drop = c->posture.eyes / c->posture.count - eyes_of(o);
        unsigned asked = current(c)->blinks;

        if (c->shut == 0 && drop >= SHUT_DROP && fabs(c->yaw) < ELSEWHERE && now - c->since >= REACTION_MIN) {
                c->shut = now;
                c->deepest = drop;
        }
        c->deepest = fmax(c->deepest, drop);
        if (c->shut != 0 && drop <= fmax(OPEN_DROP, OPEN_PART * c->deepest)) {
                c->blinked += now - c->shut >= SHUT_MIN && now - c->shut <= SHUT_MAX;
                c->shut = 0;
                c->opened = now;
        }
        if (c->blinked > asked)
                return CHALLENGE_WRONG;
        if (c->blinked == 0 || c->shut != 0 || now - c->opened < QUIET)
                return CHALLENGE_GOES_ON;
        return c->blinked == asked ? CHALLENGE_DONE : CHALLENGE_WRONG;
}

/* Nor does a head go anywhere else while it comes back. */
static bool moved_otherwise(struct challenge *c)
{
        const struct movement *m = current(c);
        double sideways = m->side == 0 ? fabs(c->yaw) : m->side * c->yaw;

        c->wrong = sideways <= -ELSEWHERE || sideways >= m->over ? c->wrong + 1 : 0;
        return c->wrong >= WRONG_FRAMES;
}

static enum challenge_result act(struct challenge *c, const struct observation *o, uint64_t now)
{
        const struct movement *m = current(c);
        enum challenge_result result = m->blinks > 0 ? blink(c, o, now) : m->nod != 0 ? nod(c) : turn(c, o, now);

        if (result != CHALLENGE_DONE)
                return result;
        bool further = c->guides && c->current + 1 < c->count;

        c->current += further;
        ask(c, !further, now);
        return CHALLENGE_GOES_ON;
}

static enum challenge_result rest(struct challenge *c, const struct observation *o, uint64_t now)
{
        c->posed = fabs(c->yaw) <= STRAIGHT_MAX && (!c->guides || fabs(c->pitch) <= LEVEL_MAX);
        if (!c->posed)
                return CHALLENGE_GOES_ON;
        posture_add(&c->posture, o);
        if (++c->frames < REST_FRAMES)
                return CHALLENGE_GOES_ON;
        if (++c->current == c->count)
                return CHALLENGE_DONE;
        ask(c, false, now);
        return CHALLENGE_GOES_ON;
}

static uint64_t longest(const struct challenge *c)
{
        return c->guides                ? GUIDED_LONGEST
               : c->resting             ? REST_LONGEST
               : current(c)->blinks > 0 ? BLINKS_LONGEST
                                        : TURN_LONGEST;
}

/* OBSERVE_… without which a picture tells nothing about what was asked for. */
static unsigned needed(const struct challenge *c)
{
        if (c->resting)
                return OBSERVE_LANDMARKS | OBSERVE_POSE | OBSERVE_EYES | OBSERVE_EMBEDDING;
        if (current(c)->blinks > 0)
                return OBSERVE_LANDMARKS | OBSERVE_EYES;
        return OBSERVE_LANDMARKS | OBSERVE_POSE | (c->guides ? OBSERVE_EMBEDDING : 0);
}

unsigned challenge_wanted(const struct challenge *c, unsigned n)
{
        return needed(c) | (n % 3 == 0 ? OBSERVE_POSE : 0);
}

enum challenge_result challenge_observe(struct challenge *c, const struct observation *o, uint64_t now)
{
        c->posed = false;
        if (now - c->since > longest(c))
                return c->resting ? CHALLENGE_LATE : CHALLENGE_STILL;
        /* A picture that was taken before the prompt changed may lack what it is judged by. */
        if (!o || (o->observed & needed(c)) != needed(c))
                return CHALLENGE_GOES_ON;
        if (o->observed & OBSERVE_POSE) {
                follow(c, o, now);
                if (!c->guides && moved_otherwise(c))
                        return CHALLENGE_WRONG;
        }
        return c->resting ? rest(c, o, now) : act(c, o, now);
}

double challenge_turned(const struct challenge *c)
{
        return c->guides ? fmax(fabs(c->yaw), fabs(c->pitch) * movements[ACTION_TURN_LEFT].low / NOD_MIN)
                         : fabs(c->yaw);
}

bool challenge_turn(const struct challenge *c, struct turn *out)
{
        if (c->resting || c->guides || current(c)->side == 0)
                return false;
        const struct movement *m = current(c);
        double high = fmin(m->high, 90);

        *out = (struct turn){ c->yaw, m->side > 0 ? m->low : -high, m->side > 0 ? high : -m->low };
        return true;
}

const char *challenge_hint(const struct challenge *c)
{
        struct turn t;

        if (c->jumped)
                return "Look straight into the camera, then turn again.";
        if (!challenge_turn(c, &t) || c->seen < c->since + HINT_AFTER)
                return "";
        double sideways = current(c)->side * t.now;

        return sideways < current(c)->low     ? "A little further."
               : sideways >= current(c)->high ? "Not so far."
                                              : "Stay so for a moment.";
}

double challenge_progress(const struct challenge *c)
{
        unsigned blinks = c->resting ? 0 : current(c)->blinks;
        double part = blinks > 0 ? fmin(1, (double) c->blinked / blinks) : 0;

        return (c->current * 2 + c->resting + part) / (c->count * 2);
}

const char *challenge_prompt(const struct challenge *c)
{
        return c->resting ? "look-straight" : action_name(c->action[c->current]);
}
