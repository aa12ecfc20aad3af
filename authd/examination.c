/* See examination.h. Comparisons are written so that what is no number does not pass. */
#include "authd/examination.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "authd/classic.h"
#include "services/cleanup.h"

#define SECOND 1000000ULL

static const uint64_t SEARCH_MAX = 20 * SECOND, NO_PICTURE_MAX = 8 * SECOND, FIRST_PICTURE_MAX = 20 * SECOND,
                      SEVERAL_MAX = 4 * SECOND, SEVERAL_IN_CHALLENGE_MAX = 3 * SECOND / 2;
enum { GOOD_FRAMES = 5, GOOD_FRAMES_MAX = 10, ENROL_FRAMES = 8 };
enum { ENROL_PATIENCE = 20 }; /* pictures in which something may be before the face of who enrols */
static const double LOOK_SLACK = 0.05, KEPT_SLACK = 0.10, /* less than a match, of another look and of a turned head */
        LIT_MIN = 1.15;
static const double SEARCH_SHARE = 0.3; /* of the progress */

void examination_fail(struct examination *e, enum failure f)
{
        e->phase = EXAMINATION_FAILED;
        e->failure = f;
        e->hint = "";
        e->suspect = e->suspect || f == FAILURE_NO_MATCH || f == FAILURE_PRESENTATION_ATTACK;
}

void examination_pass(struct examination *e)
{
        e->phase = EXAMINATION_PASSED;
        e->hint = "";
        e->progress = 1;
}

static bool guides(const struct examination *e)
{
        return e->kind == EXAMINATION_ENROL || e->kind == EXAMINATION_ADD_LOOK;
}

/* Whether there is a template to be like. */
static bool compares(const struct examination *e)
{
        return e->kind == EXAMINATION_VERIFY || e->kind == EXAMINATION_ADD_LOOK;
}

static double needed(const struct examination *e)
{
        return e->kind == EXAMINATION_VERIFY     ? e->thresholds.match
               : e->kind == EXAMINATION_ADD_LOOK ? e->thresholds.match - LOOK_SLACK
                                                 : e->thresholds.same;
}

void examination_begin(struct examination *e, enum examination_kind kind, const struct thresholds *thresholds,
                       const struct template *known, const struct rotation *rotation, uint32_t random, uint64_t now)
{
        *e = (struct examination){
                .kind = kind, .thresholds = *thresholds, .random = random, .hint = "", .begun = now, .pictured = now
        };
        if (known)
                e->known = *known;
        e->rotation = rotation;
}

void examination_use_classic(struct examination *e, struct classic *classic)
{
        e->classic = classic;
}

void examination_score(struct examination *e, double score)
{
        if (e->scores < EXAMINATION_SCORES_MAX)
                e->score[e->scores++] = score;
}

static int ascending(const void *a, const void *b)
{
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

double examination_median(const struct examination *e)
{
        double sorted[EXAMINATION_SCORES_MAX];

        memcpy(sorted, e->score, sizeof(sorted[0]) * e->scores);
        qsort(sorted, e->scores, sizeof(sorted[0]), ascending);
        return e->scores > 0 ? sorted[e->scores / 2] : -1;
}

static double score_known(const struct examination *e, const struct observation *o)
{
        float rotated[EMBEDDING_SIZE];

        memcpy(rotated, o->embedding, sizeof(rotated));
        rotation_apply(e->rotation, rotated);
        double score = template_score(&e->known, rotated);

        explicit_bzero(rotated, sizeof(rotated));
        return score;
}

static void compare(struct examination *e, const struct observation *o)
{
        double score = compares(e) ? score_known(e, o) : embedding_cosine(e->track.reference, o->embedding);

        examination_score(e, score);
        if (e->kind == EXAMINATION_VERIFY && !(score >= e->thresholds.match))
                e->suspect = true;
}

/* Keeps the embedding of the sharpest picture of a pose. */
static void keep(struct examination *e, const struct observation *o)
{
        if (!(o->sharpness > e->sharpness) ||
            !(embedding_cosine(e->track.reference, o->embedding) >= e->thresholds.match - KEPT_SLACK))
                return;
        memcpy(e->sharpest, o->embedding, sizeof(e->sharpest));
        e->sharpness = o->sharpness;
}

/* The pose is over. */
static void settle(struct examination *e)
{
        if (e->sharpness > 0)
                template_add(&e->seen, ORIGIN_ENROLMENT, e->sharpest);
        e->sharpness = 0;
}

/* The lamp of an infrared camera lights a face, and hardly the room behind it; around a face on paper there is more
 * paper. Not measured, for want of such a camera: so it may only make an attempt harder. */
static bool flatly_lit(const struct examination *e)
{
        return e->infrared && !(e->bona_fides > 0 && e->contrast / e->bona_fides >= LIT_MIN);
}

/* The passive network calls most photographs bona fide, so a good score proves nothing; a bad one costs a third
 * movement, a very bad one the attempt. Measured: people 0.76 to 1.0, photographs held up to the camera 0.64 to 1.0. */
static void begin_challenge(struct examination *e, uint64_t now)
{
        double bona_fide = e->bona_fides > 0 ? e->bona_fide / e->bona_fides : 0;

        if (!(bona_fide >= e->thresholds.hopeless)) {
                examination_fail(e, FAILURE_PRESENTATION_ATTACK);
                return;
        }
        if (e->kind == EXAMINATION_IDENTIFY) {
                examination_pass(e);
                return;
        }
        if (guides(e))
                challenge_guide(&e->challenge, e->random);
        else
                challenge_pick(&e->challenge, bona_fide >= e->thresholds.doubtful && !flatly_lit(e) ? 2 : 3,
                               posture_eyes_readable(&e->posture), e->random);
        settle(e);
        challenge_begin(&e->challenge, &e->posture, now);
        e->phase = EXAMINATION_CHALLENGE;
        e->suspect = true;
        e->hint = "";
        e->progress = SEARCH_SHARE;
        e->strength = examination_median(e);
        e->scores = 0;
        e->several = 0;
}

/* Another face than before, so what was gathered is of no use: the search begins anew, but not its time. */
static void start_over(struct examination *e, const struct observation *o, uint64_t now)
{
        track_begin(&e->track, o, guides(e) ? ENROL_PATIENCE : 0, now);
        e->good = e->scores = 0;
        e->posture = (struct posture){ 0 };
        e->bona_fide = e->contrast = 0;
        e->bona_fides = 0;
        e->sharpness = 0;
        template_wipe(&e->seen);
}

static void gather(struct examination *e, const struct observation *o, uint64_t now)
{
        unsigned wanted = guides(e) ? ENROL_FRAMES : GOOD_FRAMES;

        if (!e->track.begun || track_follow(&e->track, o, 0, now) != TRACK_SAME ||
            !(embedding_cosine(e->track.reference, o->embedding) >= e->thresholds.same))
                start_over(e, o, now);
        e->good++;
        posture_add(&e->posture, o);
        e->bona_fide += o->bona_fide;
        e->contrast += o->brightness / fmax(o->surround, 1);
        e->bona_fides++;
        compare(e, o);
        keep(e, o);
        if (e->kind == EXAMINATION_IDENTIFY)
                template_add(&e->seen, ORIGIN_ENROLMENT, o->embedding);
        e->progress = SEARCH_SHARE * e->good / wanted;
        if (e->good < wanted)
                return;
        if (!compares(e) || examination_median(e) >= needed(e))
                begin_challenge(e, now);
        else if (e->good >= GOOD_FRAMES_MAX)
                examination_fail(e, FAILURE_NO_MATCH);
        if (e->phase == EXAMINATION_SEARCHING && e->progress > SEARCH_SHARE)
                e->progress = SEARCH_SHARE;
}

/* What was wrong most of the time. */
static void give_up(struct examination *e)
{
        if (e->dark > e->pictures / 2)
                examination_fail(e, FAILURE_DARK);
        else if (e->faces == 0)
                examination_fail(e, FAILURE_NO_FACE);
        else if (e->rivals > e->faces / 2)
                examination_fail(e, FAILURE_SEVERAL_FACES);
        else if (e->good == 0)
                examination_fail(e, FAILURE_QUALITY);
        else
                examination_fail(e, FAILURE_TIMEOUT);
}

static bool too_many(struct examination *e, const struct observation *o, uint64_t longest, uint64_t now)
{
        if (!quality_rival(o)) {
                e->several = 0;
                return false;
        }
        if (e->several == 0)
                e->several = now;
        return now - e->several > longest;
}

static void search(struct examination *e, const struct observation *o, uint64_t now)
{
        const unsigned needed = OBSERVE_LANDMARKS | OBSERVE_EYES | OBSERVE_POSE | OBSERVE_LIVENESS | OBSERVE_EMBEDDING;

        if (o) {
                enum quality q = quality_of(o);

                e->quality = q;
                e->hint = quality_hint(q);
                e->faces += o->faces > 0;
                e->dark += q == QUALITY_TOO_DARK;
                e->rivals += quality_rival(o);
                if (too_many(e, o, SEVERAL_MAX, now)) {
                        examination_fail(e, FAILURE_SEVERAL_FACES);
                        return;
                }
                if (q == QUALITY_GOOD && (o->observed & needed) == needed)
                        gather(e, o, now);
        }
        if (e->phase == EXAMINATION_SEARCHING && now - e->begun > SEARCH_MAX)
                give_up(e);
}

/* At rest the face shows itself: it is compared, and an enrolment keeps it. */
static void look_again(struct examination *e, const struct observation *o)
{
        if (!(o->observed & OBSERVE_EMBEDDING) || quality_of(o) != QUALITY_GOOD)
                return;
        compare(e, o);
        keep(e, o);
}

static void conclude(struct examination *e)
{
        if (!(examination_median(e) >= needed(e))) {
                examination_fail(e, compares(e) ? FAILURE_NO_MATCH : FAILURE_PRESENTATION_ATTACK);
                return;
        }
        if (examination_median(e) < e->strength)
                e->strength = examination_median(e);
        examination_pass(e);
}

/* Who is guided may do it badly for a while, and is told. */
static void judge(struct examination *e, const struct observation *o, enum track_result track)
{
        bool guided = e->challenge.guides;

        e->quality = quality_of_turned(o);
        if (guided && e->quality == QUALITY_GOOD && track == TRACK_UNSURE)
                e->quality = QUALITY_OCCLUDED;
        if (guided || e->quality == QUALITY_NO_FACE || e->quality == QUALITY_SEVERAL_FACES)
                e->hint = quality_hint(e->quality);
        else
                e->hint = challenge_hint(&e->challenge);
}

static void follow(struct examination *e, const struct observation *o, uint64_t now)
{
        struct challenge *c = &e->challenge;
        bool was_resting = c->resting, usable = o && (!c->guides || e->quality == QUALITY_GOOD);
        unsigned act = c->current;
        enum challenge_result result = challenge_observe(c, usable ? o : NULL, now);

        if (usable && was_resting && c->posed)
                look_again(e, o);
        if (usable && !was_resting && c->guides && c->posed)
                keep(e, o);
        if (c->current != act || c->resting != was_resting)
                settle(e);
        e->progress = SEARCH_SHARE + (1 - SEARCH_SHARE) * challenge_progress(c);
        switch (result) {
        case CHALLENGE_GOES_ON:
                break;
        case CHALLENGE_DONE:
                conclude(e);
                break;
        case CHALLENGE_LATE:
                examination_fail(e, FAILURE_TIMEOUT);
                break;
        case CHALLENGE_WRONG:
        case CHALLENGE_FLAT:
        case CHALLENGE_STILL:
                examination_fail(e, FAILURE_PRESENTATION_ATTACK);
                break;
        }
}

static void challenge(struct examination *e, const struct observation *o, uint64_t now)
{
        enum track_result track = o ? track_follow(&e->track, o, challenge_turned(&e->challenge), now) : TRACK_UNSURE;

        if (!o && now - e->track.seen > NO_PICTURE_MAX)
                track = TRACK_LOST;
        if (o && too_many(e, o, guides(e) ? SEVERAL_MAX : SEVERAL_IN_CHALLENGE_MAX, now)) {
                examination_fail(e, FAILURE_SEVERAL_FACES);
                return;
        }
        if (o)
                judge(e, o, track);
        if (track == TRACK_LOST || track == TRACK_OTHER) {
                examination_fail(e, track == TRACK_LOST ? FAILURE_TIMEOUT : FAILURE_PRESENTATION_ATTACK);
                return;
        }
        bool alone = track == TRACK_SAME && !quality_rival(o);

        if (o && !alone)
                challenge_missed(&e->challenge);
        follow(e, alone ? o : NULL, now);
}

static void place(struct examination *e, const struct observation *o)
{
        bool seen = o->faces > 0 && (o->observed & OBSERVE_LANDMARKS) && o->frame_width > 0 && o->frame_height > 0;

        e->box = o->faces > 0 ? o->box : (struct box){ 0 };
        for (unsigned i = 0; i < LANDMARKS; i++)
                e->landmark[i] =
                        seen ? (struct point){ o->landmark[i].x / o->frame_width, o->landmark[i].y / o->frame_height }
                             : (struct point){ 0 };
}

void examination_observe(struct examination *e, const struct observation *o, uint64_t now)
{
        if (e->phase >= EXAMINATION_PASSED)
                return;
        if (o) {
                if (e->pictures++ == 0)
                        e->begun = now; /* a camera may take its time to start */
                e->pictured = now;
                place(e, o);
        } else if (now - e->pictured > (e->pictures > 0 ? NO_PICTURE_MAX : FIRST_PICTURE_MAX)) {
                examination_fail(e, FAILURE_CAMERA);
                return;
        }
        if (e->classic)
                classic_observe(e, o, now);
        else if (e->phase == EXAMINATION_SEARCHING)
                search(e, o, now);
        else
                challenge(e, o, now);
}

unsigned examination_wanted(const struct examination *e)
{
        if (e->classic)
                return classic_wanted();
        switch (e->phase) {
        case EXAMINATION_SEARCHING:
                return OBSERVE_LANDMARKS | OBSERVE_EYES | OBSERVE_POSE | OBSERVE_LIVENESS | OBSERVE_EMBEDDING;
        case EXAMINATION_CHALLENGE:
                return challenge_wanted(&e->challenge, e->pictures) |
                       (e->pictures % 3 == 1 ? OBSERVE_LANDMARKS | OBSERVE_EMBEDDING : 0);
        case EXAMINATION_PASSED:
        case EXAMINATION_FAILED:
                break;
        }
        return 0;
}

const char *examination_prompt(const struct examination *e)
{
        if (e->phase == EXAMINATION_SEARCHING)
                return "look-straight";
        if (e->phase != EXAMINATION_CHALLENGE)
                return "";
        return e->classic ? classic_prompt(e) : challenge_prompt(&e->challenge);
}

const char *examination_prompt_text(const struct examination *e)
{
        static const char *const texts[][2] = {
                { "look-straight", "Look straight into the camera." },
                { "turn-left", "Turn your head to your left." },
                { "turn-right", "Turn your head to your right." },
                { "turn-left-a-little", "Turn your head a little to your left, and stay so." },
                { "turn-right-a-little", "Turn your head a little to your right, and stay so." },
                { "turn-left-far", "Turn your head far to your left." },
                { "turn-right-far", "Turn your head far to your right." },
                { "blink", "Shut your eyes for a moment." },
                { "blink-1", "Shut your eyes once, for a moment." },
                { "blink-2", "Shut your eyes twice, for a moment each." },
                { "blink-3", "Shut your eyes three times, for a moment each." },
                { "look-up", "Raise your head a little." },
                { "look-down", "Lower your head a little." },
        };
        const char *prompt = examination_prompt(e);

        for (unsigned i = 0; i < COUNT_OF(texts); i++)
                if (strcmp(prompt, texts[i][0]) == 0)
                        return texts[i][1];
        return "";
}

bool examination_turn(const struct examination *e, struct turn *out)
{
        return e->phase == EXAMINATION_CHALLENGE && !e->classic && challenge_turn(&e->challenge, out);
}

void examination_wipe(struct examination *e)
{
        template_wipe(&e->known);
        template_wipe(&e->seen);
        track_wipe(&e->track);
        explicit_bzero(e->sharpest, sizeof(e->sharpest));
        explicit_bzero(e->landmark, sizeof(e->landmark));
        explicit_bzero(&e->posture, sizeof(e->posture));
        explicit_bzero(&e->challenge, sizeof(e->challenge));
        e->classic = classic_free(e->classic);
}
