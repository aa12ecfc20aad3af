/* A head that turns has depth, and no photograph has, however it is turned and bent. */
#include <errno.h>
#include <math.h>

#include "../services/cmocka_headers.h"

#include "authd/relief.h"
#include "figure.h"

static double relief_of(struct figure straight, struct figure turned)
{
        struct observation before, after;
        double relief = NAN;

        figure_see(&straight, &before);
        figure_see(&turned, &after);
        assert_int_equal(relief_measure(before.landmark, after.landmark, &relief), 0);
        return relief;
}

static void a_head_has_depth_in_the_direction_of_its_turn(void **state)
{
        for (double yaw = 13; yaw <= 40; yaw += 3) {
                struct figure straight = figure_person(1), left = straight, right = straight;

                left.yaw = yaw;
                right.yaw = -yaw;
                assert_true(relief_of(straight, left) > 0.5 * sin(yaw * M_PI / 180));
                assert_true(relief_of(straight, right) < -0.5 * sin(yaw * M_PI / 180));
        }
}

static void a_photograph_has_none_however_it_is_turned_and_bent(void **state)
{
        for (double bend = -0.004; bend <= 0.004; bend += 0.001) {
                for (double yaw = -45; yaw <= 45; yaw += 5) {
                        struct figure straight = figure_person(1), turned;

                        straight.flat = true;
                        turned = straight;
                        turned.bend = bend;
                        turned.yaw = yaw;
                        assert_true(fabs(relief_of(straight, turned)) < 0.02);
                }
        }
}

/* By a homography with perspective: the far side shrinks. */
static void a_photograph_in_perspective_has_none(void **state)
{
        struct figure person = figure_person(1);
        struct observation straight, seen;
        double relief;

        figure_see(&person, &straight);
        for (double degrees = -40; degrees <= 40; degrees += 10) {
                double angle = degrees * M_PI / 180;

                figure_see(&person, &seen);
                for (unsigned i = 0; i < LANDMARKS; i++) {
                        double x = seen.landmark[i].x - 320, y = seen.landmark[i].y - 240;
                        double nearer = 900 / (900 + x * sin(angle));

                        seen.landmark[i] = (struct point){ 320 + x * cos(angle) * nearer, 240 + y * nearer };
                }
                assert_int_equal(relief_measure(straight.landmark, seen.landmark, &relief), 0);
                assert_true(fabs(relief) < 0.05);
        }
}

static void place_scale_and_roll_do_not_matter(void **state)
{
        struct figure person = figure_person(1);
        struct observation straight, turned;
        double before, after, angle = 0.3;

        figure_see(&person, &straight);
        person.yaw = 20;
        figure_see(&person, &turned);
        assert_int_equal(relief_measure(straight.landmark, turned.landmark, &before), 0);
        for (unsigned i = 0; i < LANDMARKS; i++) {
                double x = turned.landmark[i].x, y = turned.landmark[i].y;

                turned.landmark[i].x = 50 + 2 * (x * cos(angle) - y * sin(angle));
                turned.landmark[i].y = -80 + 2 * (x * sin(angle) + y * cos(angle));
        }
        assert_int_equal(relief_measure(straight.landmark, turned.landmark, &after), 0);
        assert_true(fabs(before - after) < 0.02);
}

static void what_is_no_face_is_an_error(void **state)
{
        struct figure person = figure_person(1);
        struct observation straight;
        struct point nothing[LANDMARKS] = { 0 };
        double relief;

        figure_see(&person, &straight);
        assert_int_equal(relief_measure(straight.landmark, nothing, &relief), -ERANGE);
        assert_int_equal(relief_measure(nothing, straight.landmark, &relief), -ERANGE);
        straight.landmark[40].x = NAN;
        assert_int_equal(relief_measure(straight.landmark, straight.landmark, &relief), -ERANGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_head_has_depth_in_the_direction_of_its_turn),
                cmocka_unit_test(a_photograph_has_none_however_it_is_turned_and_bent),
                cmocka_unit_test(a_photograph_in_perspective_has_none),
                cmocka_unit_test(place_scale_and_roll_do_not_matter),
                cmocka_unit_test(what_is_no_face_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
