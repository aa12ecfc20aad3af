/* See challenge.h. Measured on the demo's photographs, moved by tests/actor: a head that turns by 23 degrees is seen to
 * turn by 19 to 30 and has a relief of 0.13 to 0.35; a photograph that is tilted by 26 degrees is seen to turn by less
 * than 9 and has one below 0.05 (one of 18 had more, and did not seem to turn). A blink lowers the log-odds of open
 * eyes by 8 and more, noise by less than 2. A head that is raised by 18 or lowered by 21 degrees is seen to move by 8
 * to 23. */
#include "authd/challenge.h"

#include <math.h>

#include "authd/relief.h"

#define SECOND 1000000ULL

static const uint64_t ACT_MAX = 6 * SECOND, GUIDED_MAX = 10 * SECOND, REST_MAX = 5 * SECOND, SHUT_MAX = 3 * SECOND / 2;
static const double TURN_MIN = 13, NOD_MIN = 6, STRAIGHT_MAX = 8, LEVEL_MAX = 6; /* degrees */
static const double RELIEF_MIN = 0.10;
static const double JUMP = 12, FASTEST = 200; /* degrees between two pictures; degrees a second */
static const double EYES_READABLE = 1, SHUT_DROP = 4, OPEN_DROP = 1.5; /* log-odds */
enum { TURNED_FRAMES = 3, FLAT_FRAMES = 12, REST_FRAMES = 3, WRONG_FRAMES = 3, MISSED_FRAMES = 3 };

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
                turns = turns || sequence % kinds != ACTION_BLINK;
        return turns;
}

void challenge_pick(struct challenge *c, unsigned count, bool blink, uint32_t random)
{
        unsigned kinds = blink ? 3 : 2, all = count == 2 ? kinds * kinds : kinds * kinds * kinds, sequences = 0;

        for (unsigned s = 0; s < all; s++)
                sequences += allowed(s, count, kinds);
        unsigned wanted = random % sequences; /* at most 26 of 2^32: the bias is nothing */

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
        c->frames = c->wrong = 0;
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
        c->yaw = c->pitch = 0;
        c->seen = now;
        c->missed = 0;
        c->jumped = false;
}

/* A head is seen on its way, or is as fast as heads are; a photograph of a turned one that takes another's place is
 * not. Such a turn does not count until the head has looked straight again. Who is guided may be disturbed. */
static void follow_yaw(struct challenge *c, double yaw, uint64_t now)
{
        double moved = fabs(yaw - c->yaw), seconds = (double) (now - c->seen) / 1e6;

        if (!c->guides && moved > JUMP && (c->missed >= MISSED_FRAMES || moved > FASTEST * seconds))
                c->jumped = true;
        else if (fabs(yaw) <= STRAIGHT_MAX)
                c->jumped = false;
        c->yaw = yaw;
        c->seen = now;
        c->missed = 0;
}

void challenge_missed(struct challenge *c)
{
        c->missed++;
}

/* The head is turned as asked: its depth over the last pictures tells whether it is one. */
static enum challenge_result turned(struct challenge *c, const struct observation *o, double sign)
{
        static const double keep = 1 - 1.0 / TURNED_FRAMES;
        struct point mean[LANDMARKS];
        double relief;

        for (unsigned i = 0; i < LANDMARKS; i++) {
                struct point *p = &c->turned[i];

                if (c->frames == 0)
                        *p = o->landmark[i];
                p->x = keep * p->x + (1 - keep) * o->landmark[i].x;
                p->y = keep * p->y + (1 - keep) * o->landmark[i].y;
                mean[i].x = c->posture.landmark[i].x / c->posture.count;
                mean[i].y = c->posture.landmark[i].y / c->posture.count;
        }
        if (++c->frames < TURNED_FRAMES)
                return CHALLENGE_GOES_ON;
        if (relief_measure(mean, c->turned, &relief) >= 0 && sign * relief >= RELIEF_MIN)
                return CHALLENGE_DONE;
        return c->frames >= FLAT_FRAMES ? CHALLENGE_FLAT : CHALLENGE_GOES_ON;
}

static enum challenge_result turn(struct challenge *c, const struct observation *o, double sign)
{
        c->posed = sign * c->yaw >= TURN_MIN && !c->jumped;
        if (c->posed)
                return turned(c, o, sign);
        c->frames = 0;
        return CHALLENGE_GOES_ON;
}

static enum challenge_result nod(struct challenge *c, double sign)
{
        c->posed = sign * c->pitch >= NOD_MIN;
        c->frames = c->posed ? c->frames + 1 : 0;
        return c->frames >= TURNED_FRAMES ? CHALLENGE_DONE : CHALLENGE_GOES_ON;
}

static enum challenge_result blink(struct challenge *c, const struct observation *o, uint64_t now)
{
        double drop = c->posture.eyes / c->posture.count - eyes_of(o);

        if (drop >= SHUT_DROP && fabs(c->yaw) < TURN_MIN) {
                if (c->shut == 0)
                        c->shut = now;
        } else if (c->shut != 0 && drop <= OPEN_DROP) {
                if (now - c->shut <= SHUT_MAX)
                        return CHALLENGE_DONE;
                c->shut = 0;
        }
        return CHALLENGE_GOES_ON;
}

static bool moved_otherwise(const struct challenge *c, enum action a)
{
        if (a == ACTION_TURN_LEFT)
                return c->yaw <= -TURN_MIN;
        if (a == ACTION_TURN_RIGHT)
                return c->yaw >= TURN_MIN;
        return fabs(c->yaw) >= TURN_MIN;
}

static enum challenge_result act(struct challenge *c, const struct observation *o, uint64_t now)
{
        enum action a = c->action[c->current];
        enum challenge_result result;

        if ((o->observed & OBSERVE_POSE) && !c->guides)
                c->wrong = moved_otherwise(c, a) ? c->wrong + 1 : 0;
        if (c->wrong >= WRONG_FRAMES)
                return CHALLENGE_WRONG;
        if (a == ACTION_BLINK)
                result = blink(c, o, now);
        else if (a == ACTION_LOOK_UP || a == ACTION_LOOK_DOWN)
                result = nod(c, a == ACTION_LOOK_UP ? 1 : -1);
        else
                result = turn(c, o, a == ACTION_TURN_LEFT ? 1 : -1); /* their left is the picture's right */
        if (result != CHALLENGE_DONE)
                return result;
        bool further = c->guides && c->current + 1 < c->count;

        c->current += further;
        ask(c, !further, now);
        return CHALLENGE_GOES_ON;
}

static enum challenge_result rest(struct challenge *c, const struct observation *o, uint64_t now)
{
        if (!(fabs(c->yaw) <= STRAIGHT_MAX && (!c->guides || fabs(c->pitch) <= LEVEL_MAX)))
                return CHALLENGE_GOES_ON;
        posture_add(&c->posture, o);
        if (++c->frames < REST_FRAMES)
                return CHALLENGE_GOES_ON;
        if (++c->current == c->count)
                return CHALLENGE_DONE;
        ask(c, false, now);
        return CHALLENGE_GOES_ON;
}

enum challenge_result challenge_observe(struct challenge *c, const struct observation *o, uint64_t now)
{
        unsigned needed = c->resting || c->guides ? challenge_wanted(c, 0) : 0;

        c->posed = false;
        if (now - c->since > (c->guides ? GUIDED_MAX : c->resting ? REST_MAX : ACT_MAX))
                return c->resting ? CHALLENGE_LATE : CHALLENGE_STILL;
        if (!o || (o->observed & needed) != needed)
                return CHALLENGE_GOES_ON;
        if (o->observed & OBSERVE_POSE) {
                follow_yaw(c, o->yaw - c->straight, now);
                c->pitch = o->pitch - c->level;
        }
        /* A picture that was taken before the prompt changed may lack what the act is judged by. */
        if (!c->resting && c->action[c->current] == ACTION_BLINK && !(o->observed & OBSERVE_EYES))
                return CHALLENGE_GOES_ON;
        if (!c->resting && c->action[c->current] != ACTION_BLINK && !(o->observed & OBSERVE_POSE))
                return CHALLENGE_GOES_ON;
        return c->resting ? rest(c, o, now) : act(c, o, now);
}

unsigned challenge_wanted(const struct challenge *c, unsigned n)
{
        if (c->resting)
                return OBSERVE_LANDMARKS | OBSERVE_POSE | OBSERVE_EYES | OBSERVE_EMBEDDING;
        if (c->action[c->current] == ACTION_BLINK)
                return OBSERVE_LANDMARKS | OBSERVE_EYES | (n % 3 == 0 ? OBSERVE_POSE : 0);
        return OBSERVE_LANDMARKS | OBSERVE_POSE | (c->guides ? OBSERVE_EMBEDDING : 0);
}

double challenge_turned(const struct challenge *c)
{
        return c->guides ? fmax(fabs(c->yaw), fabs(c->pitch) * TURN_MIN / NOD_MIN) : fabs(c->yaw);
}

const char *challenge_prompt(const struct challenge *c)
{
        static const char *const names[] = { [ACTION_TURN_LEFT] = "turn-left",
                                             [ACTION_TURN_RIGHT] = "turn-right",
                                             [ACTION_BLINK] = "blink",
                                             [ACTION_LOOK_UP] = "look-up",
                                             [ACTION_LOOK_DOWN] = "look-down" };

        return c->resting ? "look-straight" : names[c->action[c->current]];
}
