/* Who passes an examination without networks and who does not, played with figures fifteen times a second; and the
 * gallery that comes of it. */
#include <stdlib.h>
#include <string.h>

#include "../services/cmocka_headers.h"

#include "authd/classic.h"
#include "figure.h"

static const uint64_t STEP = 66667, SECOND = 1000000;
enum { STEPS_MAX = 2000 };

static const struct thresholds thresholds = { .match = 0.76, .same = 0.6 };

/* How somebody behaves when @prompt has stood for @since seconds. False: nobody is seen. */
typedef bool (*behaviour)(struct figure *f, const char *prompt, double since);

static bool obedient(struct figure *f, const char *prompt, double since)
{
        f->eyes = strcmp(prompt, "blink") == 0 && since > 0.3 && since < 0.5 ? 0.02 : 0.98;
        return true;
}

static bool motionless(struct figure *f, const char *prompt, double since)
{
        f->eyes = 0.98;
        return true;
}

/* A face that is not found now and then is no blink, nor are eyes that stay shut. */
static bool vanishing(struct figure *f, const char *prompt, double since)
{
        f->eyes = 0.98;
        return strcmp(prompt, "blink") != 0 || since < 0.3 || since > 0.5;
}

static bool asleep(struct figure *f, const char *prompt, double since)
{
        f->eyes = strcmp(prompt, "blink") == 0 && since > 0.3 && since < 2.5 ? 0.02 : 0.98;
        return true;
}

/* Is replaced by another person as soon as the challenge begins. */
static bool replaced(struct figure *f, const char *prompt, double since)
{
        if (strcmp(prompt, "blink") == 0)
                f->who = 77;
        return obedient(f, prompt, since);
}

/* Plays somebody who is compared with @known, or enrolled; a gallery that was gathered is the caller's. */
static struct gallery *play(struct examination *e, struct figure f, const struct gallery *known, uint32_t random,
                            behaviour b)
{
        struct gallery *copy = known ? gallery_new() : NULL;
        const char *prompt = "";
        uint64_t now = 5 * SECOND, asked = now;

        if (known)
                memcpy(copy, known, sizeof(*known));
        examination_begin(e, known ? EXAMINATION_VERIFY : EXAMINATION_ENROL, &thresholds, NULL, NULL, random, now);
        examination_use_classic(e, classic_new(copy, random));
        for (unsigned i = 0; i < STEPS_MAX && e->phase < EXAMINATION_PASSED; i++) {
                struct observation o = { 0 };

                now += STEP;
                if (strcmp(prompt, examination_prompt(e)) != 0) {
                        prompt = examination_prompt(e);
                        asked = now;
                }
                if (b(&f, prompt, (double) (now - asked) / 1e6))
                        figure_see(&f, &o);
                examination_observe(e, &o, now);
                assert_true(e->progress >= 0 && e->progress <= 1);
        }
        assert_true(e->phase >= EXAMINATION_PASSED);
        struct gallery *seen = classic_take_gallery(e->classic);

        examination_wipe(e);
        return seen;
}

static struct gallery *enrol(unsigned who)
{
        struct examination e;
        struct gallery *g = play(&e, figure_person(who), NULL, 5, obedient);

        assert_int_equal(e.phase, EXAMINATION_PASSED);
        assert_int_equal(g->count, GALLERY_MAX);
        return g;
}

static void whoever_blinks_as_asked_is_enrolled_and_recognised(void **state)
{
        struct gallery *known = enrol(1);
        struct examination e;

        for (uint32_t random = 0; random < 9; random++) {
                play(&e, figure_person(1), known, random, obedient);
                assert_int_equal(e.phase, EXAMINATION_PASSED);
        }
        play(&e, figure_person(2), known, 1, obedient);
        assert_int_equal(e.failure, FAILURE_NO_MATCH);
        assert_true(e.suspect);
        gallery_free(known);
}

static void who_does_not_blink_is_a_presentation_attack(void **state)
{
        static const behaviour attacks[] = { motionless, vanishing, asleep, replaced };
        struct gallery *known = enrol(1);
        struct examination e;

        for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
                for (uint32_t random = 0; random < 3; random++) {
                        play(&e, figure_person(1), known, random, attacks[i]);
                        assert_int_equal(e.failure, FAILURE_PRESENTATION_ATTACK);
                        assert_true(e.suspect);
                }
        gallery_free(known);
}

static void several_faces_and_darkness_are_said(void **state)
{
        struct figure f = figure_person(1);
        struct examination e;

        f.rival = 0.8;
        gallery_free(play(&e, f, NULL, 1, obedient));
        assert_int_equal(e.failure, FAILURE_SEVERAL_FACES);
        f.rival = 0;
        f.brightness = 10;
        gallery_free(play(&e, f, NULL, 1, obedient));
        assert_int_equal(e.failure, FAILURE_DARK);
}

static void a_gallery_is_read_as_it_was_written_and_nothing_else_is(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct gallery *g = gallery_new(), *again = gallery_new();
        struct reader r;

        for (unsigned i = 0; i < 3; i++) {
                uint8_t histogram[HISTOGRAM_SIZE] = { [7] = (uint8_t) (i + 1) };

                gallery_add(g, histogram);
        }
        gallery_write(g, &w);
        reader_init(&r, writer_bytes(&w));
        gallery_read(&r, again);
        assert_int_equal(reader_finish(&r), 0);
        assert_int_equal(again->count, 3);
        assert_memory_equal(g->histogram, again->histogram, 3 * sizeof(g->histogram[0]));
        assert_true(gallery_likeness(again, g->histogram[1]) > 0.999);
        for (size_t size = 0; size < w.size; size += 1000) {
                reader_init(&r, BYTES(w.data, size));
                gallery_read(&r, again);
                assert_true(reader_finish(&r) < 0);
        }
        w.data[1] = 0xff; /* too many */
        reader_init(&r, writer_bytes(&w));
        gallery_read(&r, again);
        assert_true(reader_finish(&r) < 0);
        gallery_free(g);
        gallery_free(again);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whoever_blinks_as_asked_is_enrolled_and_recognised),
                cmocka_unit_test(who_does_not_blink_is_a_presentation_attack),
                cmocka_unit_test(several_faces_and_darkness_are_said),
                cmocka_unit_test(a_gallery_is_read_as_it_was_written_and_nothing_else_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
