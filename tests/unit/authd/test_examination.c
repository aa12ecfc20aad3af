/* Who passes an examination and who does not, played with figures ten times a second. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../services/cmocka_headers.h"

#include "authd/examination.h"
#include "figure.h"
#include "services/cleanup.h"
#include "services/seal.h"

static const uint64_t STEP = 100 * 1000;
static const uint64_t SECOND = 1000000;
enum { STEPS_MAX = 1000, OF_TWO = 40, OF_THREE = 316 }; /* pictures; challenges of so many movements */

static struct rotation *rotation; /* of every template here */

static int make_rotation(void **state)
{
        _cleanup_secret_ struct secret *seed = secret_random(ROTATION_SEED_SIZE);

        rotation = rotation_new(seed);
        return 0;
}

static int free_rotation(void **state)
{
        rotation = rotation_free(rotation);
        return 0;
}

static unsigned acts; /* movements that were asked for so far */

/* How somebody behaves: changes the figure by what is asked, at a time since it was asked, in seconds. False: nothing
 * is seen at this moment. */
typedef bool (*behaviour)(struct figure *f, const char *prompt, double since);

/* Heads take a third of a second for a turn, be it small or large. */
static void turn_towards(struct figure *f, double yaw)
{
        double step = yaw != 0 && fabs(yaw) < 20 ? 5 : 9;

        f->yaw += fmax(-step, fmin(step, yaw - f->yaw));
}

/* Turns to the asked side, by so many degrees where the amount is asked for. */
static double asked_yaw(const char *prompt, double little, double far)
{
        double amount = strstr(prompt, "-a-little") ? little : strstr(prompt, "-far") ? far : 22;

        return strncmp(prompt, "turn-left", 9) == 0 ? amount : strncmp(prompt, "turn-right", 10) == 0 ? -amount : 0;
}

/* Blinks so many times from 0.3 seconds on, a blink every 0.7 of which 0.2 are with shut eyes. */
static void blink(struct figure *f, double since, unsigned times)
{
        double at = fmod(since - 0.25, 0.7);

        f->eyes = since >= 0.25 && since < 0.25 + 0.7 * times && at < 0.2 ? 0.001 : 0.999;
}

static unsigned asked_blinks(const char *prompt)
{
        return strncmp(prompt, "blink-", 6) == 0 ? (unsigned) atoi(prompt + 6) : 0;
}

static bool obedient(struct figure *f, const char *prompt, double since)
{
        f->pitch = 0;
        f->eyes = 0.999;
        if (since < 0.3)
                prompt = "look-straight"; /* they have not understood yet */
        if (strcmp(prompt, "look-up") == 0)
                f->pitch = 15;
        else if (strcmp(prompt, "look-down") == 0)
                f->pitch = -15;
        blink(f, since, asked_blinks(prompt));
        turn_towards(f, asked_yaw(prompt, 15, 31));
        return true;
}

/* Does all that is asked for, but turns by the other amount, or blinks once too often or not often enough. */
static bool by_another_amount(struct figure *f, const char *prompt, double since)
{
        turn_towards(f, since < 0.3 || since > 2 ? 0 : asked_yaw(prompt, 31, 15));
        return true;
}

static bool blinks_once_more(struct figure *f, const char *prompt, double since)
{
        bool seen = obedient(f, prompt, since);

        if (asked_blinks(prompt) > 0)
                blink(f, since, asked_blinks(prompt) + 1);
        return seen;
}

static bool blinks_once_less(struct figure *f, const char *prompt, double since)
{
        bool seen = obedient(f, prompt, since);

        if (asked_blinks(prompt) > 0)
                blink(f, since, asked_blinks(prompt) - 1);
        return seen;
}

/* Eyes that people shut without noticing it. */
static bool blinks_unasked(struct figure *f, const char *prompt, double since)
{
        bool seen = obedient(f, prompt, since);

        if (asked_blinks(prompt) > 0 && since < 0.15)
                f->eyes = 0.001;
        return seen;
}

/* Turns a little on the way to far, and far after a little. */
static bool slow(struct figure *f, const char *prompt, double since)
{
        double yaw = asked_yaw(prompt, 15, 31);

        blink(f, since, asked_blinks(prompt));
        f->yaw += fmax(-3, fmin(3, yaw - f->yaw));
        return true;
}

static bool turns_on_after_a_little(struct figure *f, const char *prompt, double since)
{
        static int side;
        double yaw = asked_yaw(prompt, 15, 31);

        if (strstr(prompt, "-a-little"))
                side = yaw > 0 ? 1 : -1;
        else if (acts == 0 || strncmp(prompt, "look", 4) != 0)
                side = 0;
        blink(f, since, asked_blinks(prompt));
        turn_towards(f, strcmp(prompt, "look-straight") == 0 && since < 1.5 ? 31 * side : yaw);
        return true;
}

static bool motionless(struct figure *f, const char *prompt, double since)
{
        return true;
}

static bool disobedient(struct figure *f, const char *prompt, double since)
{
        turn_towards(f, strncmp(prompt, "turn-left", 9) == 0 ? -22 : strcmp(prompt, "look-straight") == 0 ? 0 : 22);
        return true;
}

static bool shy(struct figure *f, const char *prompt, double since)
{
        return strcmp(prompt, "look-straight") == 0;
}

static bool turns_and_stays(struct figure *f, const char *prompt, double since)
{
        if (strncmp(prompt, "turn", 4) == 0 || strncmp(prompt, "blink", 5) == 0)
                return obedient(f, prompt, since);
        if (f->yaw > 1 || f->yaw < -1)
                return true;
        return obedient(f, prompt, since);
}

/* Is replaced by another person as soon as the challenge begins. */
static bool replaced(struct figure *f, const char *prompt, double since)
{
        if (strcmp(prompt, "look-straight") != 0)
                f->who = 77;
        return obedient(f, prompt, since);
}

/* Is replaced by another person, or joined by one, when the movements are done. */
static bool replaced_in_the_end(struct figure *f, const char *prompt, double since)
{
        if (acts == 2 && strcmp(prompt, "look-straight") == 0)
                f->who = 77;
        return obedient(f, prompt, since);
}

static bool joined_in_the_end(struct figure *f, const char *prompt, double since)
{
        f->rival = acts == 2 && strcmp(prompt, "look-straight") == 0 ? 0.9 : 0;
        return obedient(f, prompt, since);
}

/* A photograph in a hand: it is moved about, tilted and zoomed, towards what is asked for. */
static bool moved_by_hand(struct figure *f, const char *prompt, double since)
{
        (void) obedient(f, prompt, since);
        f->eyes = 0.999;
        f->yaw *= 1.5;
        f->x = 320 + 30 * sin(2 * since);
        f->y = 240 + 15 * cos(3 * since);
        f->zoom = 1.1 + 0.15 * sin(1.7 * since);
        return true;
}

/* Photographs of the same person who looks straight and to the sides, one before the camera at a time, the asked one as
 * quickly as can be; or with a moment without any. */
static bool swapped(struct figure *f, const char *prompt, double since)
{
        f->shown = asked_yaw(prompt, 15, 31);
        return true;
}

static bool swapped_slowly(struct figure *f, const char *prompt, double since)
{
        return since > 0.5 && swapped(f, prompt, since);
}

/* With a hand before the camera for one picture. */
static bool swapped_behind_a_hand(struct figure *f, const char *prompt, double since)
{
        return since > 0.05 && swapped(f, prompt, since);
}

/* A recording of whoever obeys, and what it shows to another attempt. */
static struct figure recorded[STEPS_MAX];
static unsigned recorded_count, replayed;

static bool record(struct figure *f, const char *prompt, double since)
{
        bool seen = obedient(f, prompt, since);

        recorded[recorded_count++] = *f;
        return seen;
}

static bool replay(struct figure *f, const char *prompt, double since)
{
        *f = recorded[replayed < recorded_count ? replayed++ : recorded_count - 1];
        return true;
}

static bool absent(struct figure *f, const char *prompt, double since)
{
        return false;
}

static void play_kind(struct examination *e, enum examination_kind kind, struct figure f, const struct template *known,
                      uint32_t random, behaviour b)
{
        const char *prompt = "";
        uint64_t now = 5 * SECOND, asked = now;

        acts = 0;
        examination_begin(e, kind, &figure_thresholds, known, rotation, random, now);
        for (unsigned i = 0; i < STEPS_MAX && e->phase < EXAMINATION_PASSED; i++) {
                struct observation o = { 0 };

                now += STEP;
                if (strcmp(prompt, examination_prompt(e)) != 0) {
                        prompt = examination_prompt(e);
                        acts += strcmp(prompt, "look-straight") != 0;
                        asked = now;
                }
                if (b(&f, prompt, (double) (now - asked) / 1e6))
                        figure_see(&f, &o);
                else
                        o = (struct observation){ .observed = examination_wanted(e), .brightness = 100 };
                examination_observe(e, &o, now);
        }
        assert_true(e->phase >= EXAMINATION_PASSED);
        if (e->phase == EXAMINATION_PASSED)
                assert_int_equal(e->failure, FAILURE_NONE);
}

static void play(struct examination *e, struct figure f, const struct template *known, uint32_t random, behaviour b)
{
        play_kind(e, known ? EXAMINATION_VERIFY : EXAMINATION_ENROL, f, known, random, b);
}

static void enrol(unsigned who, struct template *out)
{
        struct examination e;

        play(&e, figure_person(who), NULL, 4711, obedient);
        assert_int_equal(e.phase, EXAMINATION_PASSED);
        *out = e.seen;
        rotation_apply_template(rotation, out);
}

static void whoever_does_what_is_asked_is_enrolled_and_recognised(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        assert_true(known.count >= 5);
        for (uint32_t random = 0; random < OF_TWO; random++) {
                play(&e, figure_person(1), &known, random, obedient);
                assert_int_equal(e.phase, EXAMINATION_PASSED);
                assert_true(e.progress > 0.99);
                /* What the template may learn from. */
                assert_true(e.strength > 0.99 && e.seen.count >= 3);
        }
}

/* Every order of the poses; whatever it is, the template covers them all. */
static void an_enrolment_is_guided_through_every_pose(void **state)
{
        static const double poses[][2] = { { 0, 0 }, { 22, 0 }, { -22, 0 }, { 0, 15 }, { 0, -15 } };
        bool seen[256] = { 0 };
        unsigned orders = 0;

        for (uint32_t random = 0; random < 24; random++) {
                struct examination e;
                unsigned code = 0;

                play(&e, figure_person(1), NULL, random, obedient);
                assert_int_equal(e.phase, EXAMINATION_PASSED);
                assert_int_equal(e.seen.count, 6);
                for (unsigned i = 0; i < COUNT_OF(poses); i++) {
                        struct figure f = figure_person(1);
                        struct observation o;

                        f.yaw = poses[i][0];
                        f.pitch = poses[i][1];
                        figure_see(&f, &o);
                        assert_true(template_score(&e.seen, o.embedding) > 0.98);
                }
                for (unsigned i = 0; i < CHALLENGE_POSES; i++)
                        code = code * 4 + e.challenge.action[i] - ACTION_TURN_LEFT;
                orders += !seen[code];
                seen[code] = true;
        }
        assert_int_equal(orders, 24);
}

/* In the middle of the guided part something is wrong for as many seconds: it is said, nothing of it is kept, and the
 * enrolment goes on where it was. */
static void play_disturbed(struct examination *e, struct figure disturbed, double seconds, enum quality said)
{
        const char *prompt = "";
        uint64_t now = 5 * SECOND, asked = now, until = 0;
        bool heard = false;
        double yaw = 0;

        examination_begin(e, EXAMINATION_ENROL, &figure_thresholds, NULL, NULL, 7, now);
        for (unsigned i = 0; i < STEPS_MAX && e->phase < EXAMINATION_PASSED; i++) {
                struct figure f = figure_person(1);
                struct observation o;

                now += STEP;
                if (strcmp(prompt, examination_prompt(e)) != 0) {
                        prompt = examination_prompt(e);
                        asked = now;
                }
                if (e->phase == EXAMINATION_CHALLENGE && e->challenge.current == 1 && until == 0)
                        until = now + (uint64_t) (seconds * 1e6);
                if (now < until)
                        f = disturbed;
                f.yaw = yaw;
                (void) obedient(&f, prompt, (double) (now - asked) / 1e6);
                yaw = f.yaw;
                figure_see(&f, &o);
                unsigned kept = e->seen.count;

                examination_observe(e, &o, now);
                if (now < until && e->phase == EXAMINATION_CHALLENGE) {
                        heard = heard || (e->quality == said && strcmp(e->hint, quality_hint(said)) == 0);
                        assert_int_equal(e->seen.count, kept);
                }
        }
        assert_true(heard);
}

static void what_disturbs_an_enrolment_is_said_and_waited_out(void **state)
{
        struct figure f = figure_person(1);
        struct examination e;

        f.sharpness = 3;
        play_disturbed(&e, f, 3, QUALITY_BLURRED);
        assert_int_equal(e.phase, EXAMINATION_PASSED);
        assert_int_equal(e.seen.count, 6);
        f = figure_person(1);
        f.brightness = 10;
        play_disturbed(&e, f, 3, QUALITY_TOO_DARK);
        assert_int_equal(e.phase, EXAMINATION_PASSED);
        f = figure_person(1);
        f.rival = 0.9;
        play_disturbed(&e, f, 1, QUALITY_SEVERAL_FACES);
        assert_int_equal(e.phase, EXAMINATION_PASSED);
        play_disturbed(&e, f, 6, QUALITY_SEVERAL_FACES);
        assert_int_equal(e.failure, FAILURE_SEVERAL_FACES);
        f = figure_person(1);
        f.covered = true;
        play_disturbed(&e, f, 1.8, QUALITY_OCCLUDED);
        assert_int_equal(e.phase, EXAMINATION_PASSED);
}

static void who_changes_halfway_through_an_enrolment_is_refused(void **state)
{
        struct examination e;

        play_disturbed(&e, figure_person(2), 100, QUALITY_OCCLUDED);
        assert_int_equal(e.failure, FAILURE_PRESENTATION_ATTACK);
        assert_true(e.seen.count < 6);
}

static void another_look_is_added_to_a_face_that_is_like_it(void **state)
{
        struct figure glasses = figure_person(1);
        struct template known;
        struct examination e;

        enrol(1, &known);
        glasses.glasses = 1.1; /* a cosine of 0.45 */
        play_kind(&e, EXAMINATION_ADD_LOOK, glasses, &known, 5, obedient);
        assert_int_equal(e.phase, EXAMINATION_PASSED);
        assert_int_equal(e.seen.count, 6);
        glasses.glasses = 1.3; /* 0.27 */
        play_kind(&e, EXAMINATION_ADD_LOOK, glasses, &known, 5, obedient);
        assert_int_equal(e.failure, FAILURE_NO_MATCH);
        play_kind(&e, EXAMINATION_ADD_LOOK, figure_person(2), &known, 5, obedient);
        assert_int_equal(e.failure, FAILURE_NO_MATCH);
        play_kind(&e, EXAMINATION_ADD_LOOK, figure_person(1), &known, 5, replaced);
        assert_int_equal(e.phase, EXAMINATION_FAILED);
}

static void an_identification_passes_without_a_challenge(void **state)
{
        struct examination e;

        play_kind(&e, EXAMINATION_IDENTIFY, figure_person(1), NULL, 5, motionless);
        assert_int_equal(e.phase, EXAMINATION_PASSED);
        assert_int_equal(e.seen.count, 5);
        assert_int_equal(e.challenge.count, 0);
        play_kind(&e, EXAMINATION_IDENTIFY, figure_person(1), NULL, 5, absent);
        assert_int_equal(e.failure, FAILURE_NO_FACE);
}

static void another_person_is_no_match_before_any_challenge(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        play(&e, figure_person(2), &known, 1, obedient);
        assert_int_equal(e.failure, FAILURE_NO_MATCH);
        assert_true(e.suspect);
        assert_int_equal(e.challenge.count, 0);
}

static void a_motionless_face_is_a_presentation_attack(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        play(&e, figure_person(1), &known, 1, motionless);
        assert_int_equal(e.failure, FAILURE_PRESENTATION_ATTACK);
        assert_true(e.suspect);
}

/* Even if the pose of a photograph could be made to follow, and its eyes to blink. */
static void a_flat_face_that_follows_the_prompts_is_a_presentation_attack(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        for (uint32_t random = 0; random < OF_TWO; random++) {
                struct figure photograph = figure_person(1);

                photograph.flat = true;
                photograph.bend = random % 2 ? 0.002 : 0;
                play(&e, photograph, &known, random, obedient);
                assert_int_equal(e.failure, FAILURE_PRESENTATION_ATTACK);
        }
}

static void the_wrong_movement_ends_it(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        for (uint32_t random = 0; random < OF_TWO; random++) {
                play(&e, figure_person(1), &known, random, disobedient);
                assert_int_equal(e.failure, FAILURE_PRESENTATION_ATTACK);
        }
}

static void a_face_that_becomes_another_is_a_presentation_attack(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        for (uint32_t random = 0; random < OF_TWO; random++) {
                play(&e, figure_person(1), &known, random, replaced);
                assert_int_equal(e.failure, FAILURE_PRESENTATION_ATTACK);
        }
        play(&e, figure_person(1), NULL, 3, replaced);
        assert_int_equal(e.failure, FAILURE_PRESENTATION_ATTACK);
}

/* @f, who behaves like @b, is refused whatever is asked for. */
static void refused(struct figure f, behaviour b, enum failure failure)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        for (uint32_t random = 0; random < OF_TWO; random++) {
                play(&e, f, &known, random, b);
                assert_int_equal(e.phase, EXAMINATION_FAILED);
                assert_int_equal(e.failure, failure);
                assert_true(e.suspect);
        }
}

static void a_photograph_is_refused(void **state)
{
        struct figure photograph = figure_person(1);

        photograph.flat = true;
        refused(photograph, motionless, FAILURE_PRESENTATION_ATTACK);
}

static void a_photograph_that_is_moved_tilted_and_zoomed_is_refused(void **state)
{
        struct figure photograph = figure_person(1);

        photograph.flat = true;
        refused(photograph, moved_by_hand, FAILURE_PRESENTATION_ATTACK);
        photograph.bend = 0.002;
        refused(photograph, moved_by_hand, FAILURE_PRESENTATION_ATTACK);
}

static void photographs_that_are_swapped_for_each_movement_are_refused(void **state)
{
        struct figure photograph = figure_person(1);

        photograph.flat = true;
        refused(photograph, swapped, FAILURE_PRESENTATION_ATTACK);
        refused(photograph, swapped_slowly, FAILURE_PRESENTATION_ATTACK);
        refused(photograph, swapped_behind_a_hand, FAILURE_PRESENTATION_ATTACK);
}

static void whoever_steps_in_after_the_challenge_is_refused(void **state)
{
        refused(figure_person(1), replaced_in_the_end, FAILURE_PRESENTATION_ATTACK);
        refused(figure_person(1), joined_in_the_end, FAILURE_SEVERAL_FACES);
}

/* Each sequence is as likely as the other 39, so a recording fits in one attempt of 40. */
static void a_recording_of_an_attempt_passes_for_its_own_challenge_alone(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        for (uint32_t then = 0; then < OF_TWO; then += 3) {
                recorded_count = 0;
                play(&e, figure_person(1), &known, then, record);
                assert_int_equal(e.phase, EXAMINATION_PASSED);
                for (uint32_t now = 0; now < OF_TWO; now++) {
                        replayed = 0;
                        play(&e, figure_person(1), &known, now, replay);
                        assert_int_equal(e.phase, now == then ? EXAMINATION_PASSED : EXAMINATION_FAILED);
                }
        }
}

static bool asks_for(const struct examination *e, enum action first, enum action last)
{
        for (unsigned i = 0; i < e->challenge.count; i++)
                if (e->challenge.action[i] >= first && e->challenge.action[i] <= last)
                        return true;
        return false;
}

static void a_turn_by_another_amount_is_refused(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        for (uint32_t random = 0; random < OF_TWO; random++) {
                play(&e, figure_person(1), &known, random, by_another_amount);
                assert_int_equal(e.failure, FAILURE_PRESENTATION_ATTACK);
                play(&e, figure_person(1), &known, random, slow);
                assert_int_equal(e.phase, EXAMINATION_PASSED);
                play(&e, figure_person(1), &known, random, turns_on_after_a_little);
                assert_int_equal(e.phase == EXAMINATION_FAILED, asks_for(&e, ACTION_LEFT_LITTLE, ACTION_RIGHT_LITTLE));
        }
}

static void another_number_of_blinks_is_refused(void **state)
{
        static const behaviour others[] = { blinks_once_more, blinks_once_less };
        struct template known;
        struct examination e;

        enrol(1, &known);
        for (uint32_t random = 0; random < OF_TWO; random++) {
                for (unsigned i = 0; i < COUNT_OF(others); i++) {
                        play(&e, figure_person(1), &known, random, others[i]);
                        assert_int_equal(e.phase == EXAMINATION_FAILED, asks_for(&e, ACTION_BLINK_1, ACTION_BLINK_3));
                }
                play(&e, figure_person(1), &known, random, blinks_unasked);
                assert_int_equal(e.phase, EXAMINATION_PASSED);
        }
}

static void a_face_that_leaves_the_challenge_is_counted(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        play(&e, figure_person(1), &known, 1, shy);
        assert_int_equal(e.failure, FAILURE_TIMEOUT);
        assert_true(e.suspect);
}

static void a_head_that_does_not_look_straight_again_is_late(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        /* 0: turn left twice */
        play(&e, figure_person(1), &known, 0, turns_and_stays);
        assert_int_equal(e.failure, FAILURE_TIMEOUT);
}

static void nobody_is_no_face_and_is_not_counted(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        play(&e, figure_person(1), &known, 1, absent);
        assert_int_equal(e.failure, FAILURE_NO_FACE);
        assert_false(e.suspect);
}

static void two_people_are_several_faces_and_are_not_counted(void **state)
{
        struct figure f = figure_person(1);
        struct examination e;

        f.rival = 0.8;
        play(&e, f, NULL, 1, obedient);
        assert_int_equal(e.failure, FAILURE_SEVERAL_FACES);
        assert_false(e.suspect);
        f.rival = 0.2; /* somebody far behind */
        play(&e, f, NULL, 1, obedient);
        assert_int_equal(e.phase, EXAMINATION_PASSED);
}

static void darkness_is_said_and_so_is_blur(void **state)
{
        struct figure f = figure_person(1);
        struct observation o;
        struct examination e;

        f.brightness = 10;
        figure_see(&f, &o);
        examination_begin(&e, EXAMINATION_ENROL, &figure_thresholds, NULL, NULL, 1, 0);
        examination_observe(&e, &o, STEP);
        assert_non_null(strstr(e.hint, "dark"));
        play(&e, f, NULL, 1, obedient);
        assert_int_equal(e.failure, FAILURE_DARK);
        f = figure_person(1);
        f.sharpness = 3;
        play(&e, f, NULL, 1, obedient);
        assert_int_equal(e.failure, FAILURE_QUALITY);
}

static void a_black_picture_is_too_dark_and_no_missing_face(void **state)
{
        const struct observation black = { .brightness = 4 };
        struct examination e;

        examination_begin(&e, EXAMINATION_ENROL, &figure_thresholds, NULL, NULL, 1, 0);
        for (uint64_t now = STEP; e.phase < EXAMINATION_PASSED; now += STEP) {
                examination_observe(&e, &black, now);
                assert_true(e.phase >= EXAMINATION_PASSED || strstr(e.hint, "dark"));
        }
        assert_int_equal(e.failure, FAILURE_DARK);
        assert_false(e.suspect);
}

static unsigned movements(struct figure f, const struct template *known, bool infrared)
{
        struct examination e;

        examination_begin(&e, EXAMINATION_VERIFY, &figure_thresholds, known, rotation, 1, 0);
        e.infrared = infrared;
        for (uint64_t now = STEP; e.phase == EXAMINATION_SEARCHING; now += STEP) {
                struct observation o;

                figure_see(&f, &o);
                examination_observe(&e, &o, now);
        }
        assert_int_equal(e.phase, EXAMINATION_CHALLENGE);
        return e.challenge.count;
}

static void an_infrared_lamp_that_lights_more_than_a_face_costs_a_movement(void **state)
{
        struct figure f = figure_person(1);
        struct template known;

        enrol(1, &known);
        assert_int_equal(movements(f, &known, true), 2);
        f.surround = 115;
        assert_int_equal(movements(f, &known, true), 3);
        assert_int_equal(movements(f, &known, false), 2);
}

static void no_pictures_are_the_cameras_fault(void **state)
{
        struct examination e;

        examination_begin(&e, EXAMINATION_ENROL, &figure_thresholds, NULL, NULL, 1, 0);
        for (uint64_t now = 0; now < 19 * SECOND; now += SECOND / 4)
                examination_observe(&e, NULL, now);
        assert_int_equal(e.phase, EXAMINATION_SEARCHING);
        examination_observe(&e, NULL, 21 * SECOND);
        assert_int_equal(e.failure, FAILURE_CAMERA);
}

static void a_doubtful_passive_score_costs_a_movement_and_a_hopeless_one_everything(void **state)
{
        struct figure f = figure_person(1);
        struct template known;
        struct examination e;

        enrol(1, &known);
        f.bona_fide = 0.4;
        play(&e, f, &known, 1, obedient);
        assert_int_equal(e.phase, EXAMINATION_PASSED);
        assert_int_equal(e.challenge.count, 3);
        f.bona_fide = 0.05;
        play(&e, f, NULL, 1, obedient);
        assert_int_equal(e.failure, FAILURE_PRESENTATION_ATTACK);
        play(&e, f, &known, 1, obedient);
        assert_int_equal(e.failure, FAILURE_PRESENTATION_ATTACK);
}

static void what_is_no_number_does_not_pass(void **state)
{
        struct template known;
        struct examination e;

        enrol(1, &known);
        for (unsigned field = 0; field < 4; field++) {
                for (unsigned enrols = 0; enrols < 2; enrols++) {
                        examination_begin(&e, enrols ? EXAMINATION_ENROL : EXAMINATION_VERIFY, &figure_thresholds,
                                          enrols ? NULL : &known, rotation, 1, 0);
                        for (uint64_t now = STEP; e.phase < EXAMINATION_PASSED; now += STEP) {
                                struct figure f = figure_person(1);
                                struct observation o;

                                figure_see(&f, &o);
                                if (field == 0)
                                        o.embedding[5] = NAN;
                                else if (field == 1)
                                        o.yaw = NAN;
                                else if (field == 2)
                                        o.bona_fide = NAN;
                                else
                                        o.box.x = NAN;
                                examination_observe(&e, &o, now);
                        }
                        assert_int_equal(e.phase, EXAMINATION_FAILED);
                        assert_true(e.challenge.current == 0);
                }
        }
}

static void who_cannot_be_seen_to_blink_is_asked_for_turns(void **state)
{
        struct figure f = figure_person(1);
        struct template known;
        struct examination e;

        enrol(1, &known);
        for (uint32_t random = 0; random < OF_TWO; random++) {
                f.eyes = 0.3;
                examination_begin(&e, EXAMINATION_VERIFY, &figure_thresholds, &known, rotation, random, 0);
                for (uint64_t now = STEP; e.phase == EXAMINATION_SEARCHING; now += STEP) {
                        struct observation o;

                        figure_see(&f, &o);
                        examination_observe(&e, &o, now);
                }
                assert_int_equal(e.phase, EXAMINATION_CHALLENGE);
                assert_false(asks_for(&e, ACTION_BLINK_1, ACTION_BLINK_3));
        }
}

static void every_sequence_has_a_turn_and_each_is_as_likely(void **state)
{
        for (unsigned count = 2; count <= CHALLENGE_PICKED_MAX; count++) {
                for (unsigned blink = 0; blink < 2; blink++) {
                        unsigned seen[7 * 7 * 7] = { 0 }, different = 0;
                        unsigned all = blink ? (count == 2 ? OF_TWO : OF_THREE) : (count == 2 ? 16 : 64);

                        for (uint32_t random = 0; random < all * 10; random++) {
                                struct challenge c = { 0 };
                                unsigned code = 0, turns = 0;

                                challenge_pick(&c, count, blink, random);
                                assert_int_equal(c.count, count);
                                for (unsigned i = 0; i < count; i++) {
                                        code = code * 7 + c.action[i];
                                        turns += c.action[i] <= ACTION_RIGHT_FAR;
                                }
                                assert_true(turns > 0);
                                different += seen[code]++ == 0;
                        }
                        assert_int_equal(different, all);
                        for (unsigned i = 0; i < COUNT_OF(seen); i++)
                                assert_true(seen[i] == 0 || seen[i] == 10);
                }
        }
}

static void a_template_is_read_as_it_was_written_and_nothing_else_is(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct template t = { 0 }, again;
        float one[EMBEDDING_SIZE] = { 0 };
        struct reader r;

        one[3] = 1;
        for (unsigned i = 0; i < TEMPLATE_MAX + 2; i++)
                template_add(&t, (uint8_t) (i / 6), one);
        assert_int_equal(t.count, TEMPLATE_MAX);
        assert_true(template_score(&t, one) > 0.999);
        assert_true(template_score(&(struct template){ 0 }, one) < -0.999);
        template_write(&t, &w);
        reader_init(&r, writer_bytes(&w));
        template_read(&r, &again);
        assert_int_equal(reader_finish(&r), 0);
        assert_memory_equal(&t, &again, sizeof(t));

        for (size_t size = 0; size < w.size; size += 100) {
                reader_init(&r, BYTES(w.data, size));
                template_read(&r, &again);
                assert_true(reader_finish(&r) < 0);
        }
        for (unsigned at = 0; at < 3; at++) { /* version, count, a number that makes the length wrong */
                size_t offset = at == 0 ? 0 : at == 1 ? 9 : 11 + 4 * 3;
                uint8_t kept = w.data[offset];

                w.data[offset] = 0x77;
                reader_init(&r, writer_bytes(&w));
                template_read(&r, &again);
                assert_true(reader_finish(&r) < 0);
                w.data[offset] = kept;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whoever_does_what_is_asked_is_enrolled_and_recognised),
                cmocka_unit_test(an_enrolment_is_guided_through_every_pose),
                cmocka_unit_test(what_disturbs_an_enrolment_is_said_and_waited_out),
                cmocka_unit_test(who_changes_halfway_through_an_enrolment_is_refused),
                cmocka_unit_test(another_look_is_added_to_a_face_that_is_like_it),
                cmocka_unit_test(an_identification_passes_without_a_challenge),
                cmocka_unit_test(another_person_is_no_match_before_any_challenge),
                cmocka_unit_test(a_motionless_face_is_a_presentation_attack),
                cmocka_unit_test(a_flat_face_that_follows_the_prompts_is_a_presentation_attack),
                cmocka_unit_test(the_wrong_movement_ends_it),
                cmocka_unit_test(a_face_that_becomes_another_is_a_presentation_attack),
                cmocka_unit_test(a_photograph_is_refused),
                cmocka_unit_test(a_photograph_that_is_moved_tilted_and_zoomed_is_refused),
                cmocka_unit_test(photographs_that_are_swapped_for_each_movement_are_refused),
                cmocka_unit_test(whoever_steps_in_after_the_challenge_is_refused),
                cmocka_unit_test(a_recording_of_an_attempt_passes_for_its_own_challenge_alone),
                cmocka_unit_test(a_turn_by_another_amount_is_refused),
                cmocka_unit_test(another_number_of_blinks_is_refused),
                cmocka_unit_test(a_face_that_leaves_the_challenge_is_counted),
                cmocka_unit_test(a_head_that_does_not_look_straight_again_is_late),
                cmocka_unit_test(nobody_is_no_face_and_is_not_counted),
                cmocka_unit_test(two_people_are_several_faces_and_are_not_counted),
                cmocka_unit_test(darkness_is_said_and_so_is_blur),
                cmocka_unit_test(a_black_picture_is_too_dark_and_no_missing_face),
                cmocka_unit_test(an_infrared_lamp_that_lights_more_than_a_face_costs_a_movement),
                cmocka_unit_test(no_pictures_are_the_cameras_fault),
                cmocka_unit_test(a_doubtful_passive_score_costs_a_movement_and_a_hopeless_one_everything),
                cmocka_unit_test(what_is_no_number_does_not_pass),
                cmocka_unit_test(who_cannot_be_seen_to_blink_is_asked_for_turns),
                cmocka_unit_test(every_sequence_has_a_turn_and_each_is_as_likely),
                cmocka_unit_test(a_template_is_read_as_it_was_written_and_nothing_else_is),
        };

        return cmocka_run_group_tests(tests, make_rotation, free_rotation);
}
