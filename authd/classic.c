/* See classic.h. Measured on the demo's photographs, moved by tests/actor at 15 pictures a second: a blink hides both
 * eyes from the cascade in one to four pictures; of 225 pictures of photographs in a hand none hides both. */
#include "authd/classic.h"

#include <stdlib.h>
#include <string.h>

#define SECOND 1000000ULL

static const uint64_t SEARCH_MAX = 70 * SECOND, VERIFY_SEARCH_MAX = 20 * SECOND, SEVERAL_MAX = 4 * SECOND,
                      BLINK_MAX = 6 * SECOND, SHUT_MAX = 3 * SECOND / 2, AWAY_MAX = 3 * SECOND;
static const double OPEN = 0.5, SEARCH_SHARE = 0.8; /* probability; part of the progress */
enum {
        GOOD_FRAMES = 5,
        GOOD_FRAMES_MAX = 20,
        OTHERS_MAX = 10,
        BLINKS_MIN = 2,
        BLINKS_KINDS = 3,
        REST_MIN = 5,
        REST_KINDS = 16
};

struct classic {
        struct gallery *known, *seen;
        uint32_t random;
        uint8_t reference[HISTOGRAM_SIZE]; /* of the first picture */
        unsigned good, others;             /* pictures; those in a row that were not of this face */
        unsigned blinks, blinked;
        unsigned rest;        /* pictures until the next blink is asked for */
        uint64_t since, shut; /* when it was asked for; when the eyes shut, or 0 */
        uint64_t there;       /* when the face was last seen */
};

struct classic *classic_new(struct gallery *known, uint32_t random)
{
        struct classic *c = calloc(1, sizeof(*c));
        struct gallery *seen = known ? NULL : gallery_new();

        if (!c || (!known && !seen)) {
                free(c);
                gallery_free(known);
                gallery_free(seen);
                return NULL;
        }
        c->known = known;
        c->seen = seen;
        c->random = random;
        return c;
}

struct classic *classic_free(struct classic *c)
{
        if (!c)
                return NULL;
        gallery_free(c->known);
        gallery_free(c->seen);
        explicit_bzero(c, sizeof(*c));
        free(c);
        return NULL;
}

struct gallery *classic_take_gallery(struct classic *c)
{
        struct gallery *g = c->seen;

        c->seen = NULL;
        return g;
}

/* The low bits of what is left of the random number. */
static unsigned draw(struct classic *c, unsigned kinds)
{
        unsigned drawn = c->random % kinds;

        c->random /= kinds;
        return drawn;
}

static void start_over(struct examination *e, const struct observation *o)
{
        struct classic *c = e->classic;

        memcpy(c->reference, o->histogram, sizeof(c->reference));
        c->good = c->others = 0;
        e->scores = 0;
        if (c->seen)
                c->seen->count = 0;
}

/* Whether this is the face that was there before. */
static bool same(struct examination *e, const struct observation *o)
{
        struct classic *c = e->classic;

        if (histogram_likeness(c->reference, o->histogram) >= e->thresholds.same) {
                c->others = 0;
                return true;
        }
        c->others++;
        return false;
}

static void compare(struct examination *e, const struct observation *o)
{
        const struct classic *c = e->classic;
        double score =
                c->known ? gallery_likeness(c->known, o->histogram) : histogram_likeness(c->reference, o->histogram);

        examination_score(e, score);
        if (c->known && !(score >= e->thresholds.match))
                e->suspect = true;
}

static double needed(const struct examination *e)
{
        return e->classic->known ? e->thresholds.match : e->thresholds.same;
}

static void begin_challenge(struct examination *e, uint64_t now)
{
        struct classic *c = e->classic;

        c->blinks = BLINKS_MIN + draw(c, BLINKS_KINDS);
        c->rest = 0;
        c->since = c->there = now;
        c->others = 0;
        e->scores = 0;
        e->phase = EXAMINATION_CHALLENGE;
        e->suspect = true;
        e->progress = SEARCH_SHARE;
}

static void gather(struct examination *e, const struct observation *o, uint64_t now)
{
        struct classic *c = e->classic;
        unsigned wanted = c->seen ? GALLERY_MAX : GOOD_FRAMES;

        if (c->good == 0 || c->others >= OTHERS_MAX)
                start_over(e, o);
        if (!same(e, o))
                return;
        c->good++;
        compare(e, o);
        if (c->seen)
                gallery_add(c->seen, o->histogram);
        e->good = c->good;
        e->progress = c->good < wanted ? SEARCH_SHARE * c->good / wanted : SEARCH_SHARE;
        if (c->good < wanted)
                return;
        if (c->seen || examination_median(e) >= needed(e))
                begin_challenge(e, now);
        else if (c->good >= GOOD_FRAMES_MAX)
                examination_fail(e, FAILURE_NO_MATCH);
}

static unsigned eyes_open(const struct observation *o)
{
        return (o->eye_open[0] >= OPEN) + (o->eye_open[1] >= OPEN);
}

static void give_up(struct examination *e)
{
        if (e->dark > e->pictures / 2)
                examination_fail(e, FAILURE_DARK);
        else if (e->faces == 0)
                examination_fail(e, FAILURE_NO_FACE);
        else
                examination_fail(e, e->good == 0 ? FAILURE_QUALITY : FAILURE_TIMEOUT);
}

static void search(struct examination *e, const struct observation *o, uint64_t now)
{
        if (o && e->quality == QUALITY_GOOD) {
                if (eyes_open(o) == 2)
                        gather(e, o, now);
                else
                        e->hint = "Both your eyes must be seen. Open them, and take glasses off that reflect.";
        }
        if (e->phase == EXAMINATION_SEARCHING && now - e->begun > (e->classic->seen ? SEARCH_MAX : VERIFY_SEARCH_MAX))
                give_up(e);
}

static void blink(struct classic *c, const struct observation *o, uint64_t now)
{
        unsigned open = eyes_open(o);

        if (open == 0 && c->shut == 0)
                c->shut = now;
        if (open < 2 || c->shut == 0)
                return;
        if (now - c->shut <= SHUT_MAX) {
                c->blinked++;
                c->rest = REST_MIN + draw(c, REST_KINDS);
        }
        c->shut = 0;
}

static void rest(struct examination *e, const struct observation *o, uint64_t now)
{
        struct classic *c = e->classic;

        if (eyes_open(o) < 2)
                return;
        compare(e, o);
        if (--c->rest > 0)
                return;
        c->since = now;
        if (c->blinked < c->blinks)
                return;
        if (examination_median(e) >= needed(e))
                examination_pass(e);
        else
                examination_fail(e, c->known ? FAILURE_NO_MATCH : FAILURE_PRESENTATION_ATTACK);
}

static void challenge(struct examination *e, const struct observation *o, uint64_t now)
{
        struct classic *c = e->classic;
        bool resting = c->rest > 0;

        if (o && o->faces > 0 && !quality_rival(o)) {
                if (eyes_open(o) == 2 && !same(e, o) && c->others >= OTHERS_MAX) {
                        examination_fail(e, FAILURE_PRESENTATION_ATTACK);
                        return;
                }
                c->there = now;
                if (resting)
                        rest(e, o, now);
                else
                        blink(c, o, now);
        }
        if (e->phase != EXAMINATION_CHALLENGE)
                return;
        e->progress = SEARCH_SHARE + (1 - SEARCH_SHARE) * c->blinked / (c->blinks + 1);
        if (now - c->there > AWAY_MAX)
                examination_fail(e, FAILURE_TIMEOUT);
        else if (now - c->since > BLINK_MAX && c->rest == 0)
                examination_fail(e, FAILURE_PRESENTATION_ATTACK);
        else if (now - c->since > 2 * BLINK_MAX)
                examination_fail(e, FAILURE_TIMEOUT);
}

void classic_observe(struct examination *e, const struct observation *o, uint64_t now)
{
        if (o) {
                e->quality = quality_of(o);
                e->hint = quality_hint(e->quality);
                e->faces += o->faces > 0;
                e->dark += e->quality == QUALITY_TOO_DARK;
                if (!quality_rival(o))
                        e->several = 0;
                else if (e->several == 0)
                        e->several = now;
                else if (now - e->several > SEVERAL_MAX) {
                        examination_fail(e, FAILURE_SEVERAL_FACES);
                        return;
                }
        }
        if (e->phase == EXAMINATION_SEARCHING)
                search(e, o, now);
        else
                challenge(e, o, now);
}

unsigned classic_wanted(void)
{
        return OBSERVE_EYES | OBSERVE_HISTOGRAM;
}

const char *classic_prompt(const struct examination *e)
{
        return e->classic->rest > 0 ? "look-straight" : "blink";
}
