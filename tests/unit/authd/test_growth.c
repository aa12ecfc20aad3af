/* A template grows by looks and log-ins, and yet stays the one of the face that was enrolled. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "../services/cmocka_headers.h"

#include "authd/growth.h"

static const uint64_t DAY = 24 * 3600;
static const double STRONG = 0.6;

/* A face at an angle from the first axis towards another one. */
static void face_at(double degrees, unsigned towards, float out[static EMBEDDING_SIZE])
{
        memset(out, 0, EMBEDDING_SIZE * sizeof(*out));
        out[0] = (float) cos(degrees * M_PI / 180);
        out[towards] = (float) sin(degrees * M_PI / 180);
}

static struct template enrolled(void)
{
        struct template t = { 0 };
        float face[EMBEDDING_SIZE];

        for (unsigned i = 0; i < 6; i++) {
                face_at(3, i + 1, face);
                template_add(&t, ORIGIN_ENROLMENT, face);
        }
        return t;
}

static bool adapt(struct template *t, double degrees, unsigned towards, uint64_t now)
{
        float face[EMBEDDING_SIZE];

        face_at(degrees, towards, face);
        return growth_adapt(t, face, STRONG, now);
}

static void it_learns_what_is_like_it_and_new(void **state)
{
        struct template t = enrolled();
        float face[EMBEDDING_SIZE];

        assert_false(adapt(&t, 10, 100, DAY)); /* nothing new */
        assert_false(adapt(&t, 70, 100, DAY)); /* not like it */
        assert_true(adapt(&t, 40, 100, DAY));
        assert_int_equal(t.count, 7);
        face_at(40, 100, face);
        assert_true(template_score(&t, face) > 0.999);
        assert_true(template_score_enrolled(&t, face) < 0.9);
        assert_false(adapt(&t, 40, 200, 2 * DAY - 1)); /* once a day */
        assert_true(adapt(&t, 40, 200, 2 * DAY));
        assert_true(adapt(&t, 40, 300, DAY)); /* a clock that went back does not stop it for good */
        assert_int_equal(template_count(&t, ORIGIN_ADAPTATION), GROWTH_ADAPTATIONS_MAX);
        assert_int_equal(template_count(&t, ORIGIN_ENROLMENT), 6);
        assert_true(template_score(&t, face) < 0.9); /* the oldest has gone */
}

/* Who comes a little nearer to another face each day gets no further than who tries at once. */
static void it_does_not_wander(void **state)
{
        struct template t = enrolled();
        double furthest = 0;
        uint64_t now = DAY;

        for (double degrees = 5; degrees <= 90; degrees += 1, now += DAY)
                if (adapt(&t, degrees, 100, now))
                        furthest = degrees;
        assert_true(furthest > 30 && furthest < acos(STRONG) * 180 / M_PI + 3);
        assert_int_equal(template_count(&t, ORIGIN_ENROLMENT), 6);
}

static void what_is_no_number_is_not_learnt(void **state)
{
        struct template t = enrolled();
        float face[EMBEDDING_SIZE];

        face_at(40, 100, face);
        face[7] = NAN;
        assert_false(growth_adapt(&t, face, STRONG, DAY));
}

static void looks_are_added_and_the_oldest_gives_way(void **state)
{
        struct template t = enrolled(), look = { 0 };
        float face[EMBEDDING_SIZE];

        for (unsigned n = 0; n < 3; n++) {
                look.count = 0;
                for (unsigned i = 0; i < 6; i++) {
                        face_at(50, 100 * (n + 1) + i, face);
                        template_add(&look, ORIGIN_ENROLMENT, face);
                }
                (void) adapt(&t, 40, 99, (n + 1) * DAY);
                growth_add_look(&t, &look);
                assert_int_equal(template_count(&t, ORIGIN_ADAPTATION), 0);
                for (unsigned i = 0; i < 6; i++)
                        assert_true(template_score(&t, look.embedding[i]) > 0.999);
        }
        assert_int_equal(t.count, 18);
        assert_int_equal(template_count(&t, ORIGIN_ENROLMENT), 6);
        face_at(50, 100, face); /* of the first look */
        assert_true(template_score(&t, face) < 0.9);
        face_at(50, 200, face); /* of the second */
        assert_true(template_score(&t, face) > 0.999);
        assert_true(adapt(&t, 40, 99, 9 * DAY)); /* there is room left for log-ins */
        assert_true(adapt(&t, 40, 98, 10 * DAY));
        assert_int_equal(t.count, TEMPLATE_MAX);
}

static void add_look(struct template *t, unsigned towards)
{
        struct template look = { 0 };
        float face[EMBEDDING_SIZE];

        for (unsigned i = 0; i < 6; i++) {
                face_at(50, towards + i, face);
                template_add(&look, ORIGIN_ENROLMENT, face);
        }
        growth_add_look(t, &look);
}

static void a_look_is_removed_and_the_last_one_stays(void **state)
{
        struct template t = enrolled();
        float face[EMBEDDING_SIZE];

        assert_int_equal(growth_remove_look(&t, 0), -EPERM);
        add_look(&t, 100);
        add_look(&t, 200);
        assert_true(adapt(&t, 40, 99, DAY));
        assert_int_equal(growth_looks(&t), 3);
        assert_int_equal(growth_remove_look(&t, 3), -ENOENT);
        assert_int_equal(growth_remove_look(&t, ORIGIN_ADAPTATION), -ENOENT);
        assert_int_equal(t.count, 19);

        assert_int_equal(growth_remove_look(&t, 1), 0);
        assert_int_equal(growth_looks(&t), 2);
        assert_int_equal(t.count, 12);
        face_at(50, 100, face);
        assert_true(template_score(&t, face) < 0.9);
        face_at(50, 200, face);
        assert_true(template_score(&t, face) > 0.999);

        /* What is left when the enrolled look goes is measured by from now on. */
        assert_int_equal(growth_remove_look(&t, 0), 0);
        assert_int_equal(template_count(&t, ORIGIN_ENROLMENT), 6);
        assert_true(template_score_enrolled(&t, face) > 0.999);
        assert_int_equal(growth_remove_look(&t, 0), -EPERM);
        assert_int_equal(t.count, 6);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_learns_what_is_like_it_and_new),
                cmocka_unit_test(it_does_not_wander),
                cmocka_unit_test(what_is_no_number_is_not_learnt),
                cmocka_unit_test(looks_are_added_and_the_oldest_gives_way),
                cmocka_unit_test(a_look_is_removed_and_the_last_one_stays),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
