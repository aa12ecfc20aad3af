/* What the buffers of all links may hold together: shares, waiting, and who has to go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "relayd/hub/pressure.h"

enum { MIB = 1024 * 1024 };

/* Links are numbers here. */
struct fixture {
        sd_event *event;
        struct pressure *pressure;
        size_t links[4];
        unsigned evicted, resumed;
};

static void hold(struct fixture *f, unsigned link, size_t bytes)
{
        struct channel_budget *b = pressure_budget(f->pressure);

        b->used += bytes - f->links[link];
        f->links[link] = bytes;
        b->changed(b->userdata);
}

static void on_evict(void *userdata)
{
        struct fixture *f = userdata;
        unsigned most = 0;

        for (unsigned i = 1; i < 4; i++)
                most = f->links[i] > f->links[most] ? i : most;
        f->evicted++;
        hold(f, most, 0);
}

static void on_resume(void *userdata)
{
        struct fixture *f = userdata;

        f->resumed++;
}

static const struct pressure_handlers handlers = { on_evict, on_resume };

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(pressure_new(f->event, 8 * MIB, &handlers, f, &f->pressure), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        pressure_free(f->pressure);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void turn(struct fixture *f)
{
        while (sd_event_run(f->event, 0) > 0)
                continue;
}

static void a_share_shrinks_as_memory_fills_up(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(pressure_share(f->pressure), CHANNEL_OUTPUT_HIGH);
        hold(f, 0, 6 * MIB);
        assert_int_equal(pressure_share(f->pressure), 2 * MIB / 8);
        hold(f, 1, 2 * MIB);
        assert_int_equal(pressure_share(f->pressure), CHANNEL_ROOM);
        pressure_set_limit(f->pressure, 0);
        assert_int_equal(pressure_share(f->pressure), CHANNEL_OUTPUT_HIGH);
        turn(f);
        assert_int_equal(f->evicted, 0);
}

static void who_holds_most_goes_when_memory_is_overdrawn(void **state)
{
        struct fixture *f = *state;

        hold(f, 0, 3 * MIB);
        hold(f, 1, 4 * MIB);
        hold(f, 2, 1 * MIB);
        turn(f);
        assert_int_equal(f->evicted, 0);
        hold(f, 3, 1);
        turn(f);
        assert_int_equal(f->evicted, 1);
        assert_int_equal(f->links[1], 0);
        pressure_set_limit(f->pressure, MIB);
        turn(f);
        assert_int_equal(f->evicted, 3);
        assert_int_equal(pressure_used(f->pressure), 1);
}

static void who_found_no_room_is_told_when_there_is_some(void **state)
{
        struct fixture *f = *state;

        hold(f, 0, 7 * MIB);
        assert_true(pressure_has_room(f->pressure, MIB));
        assert_false(pressure_has_room(f->pressure, MIB + 1));
        turn(f);
        hold(f, 0, 6 * MIB); /* not much */
        turn(f);
        assert_int_equal(f->resumed, 0);
        hold(f, 0, 5 * MIB);
        turn(f);
        assert_int_equal(f->resumed, 1);
        hold(f, 0, 0);
        turn(f);
        assert_int_equal(f->resumed, 1);
        assert_int_equal(f->evicted, 0);
        assert_true(pressure_has_room(f->pressure, 8 * MIB));
}

static void without_a_limit_there_is_always_room(void **state)
{
        struct fixture *f = *state;

        hold(f, 0, 8 * MIB);
        assert_false(pressure_has_room(f->pressure, 1));
        pressure_set_limit(f->pressure, 0);
        assert_true(pressure_has_room(f->pressure, SIZE_MAX / 2));
        turn(f);
        assert_int_equal(f->resumed, 1);
        hold(f, 1, 100 * (size_t) MIB);
        turn(f);
        assert_int_equal(f->evicted, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_share_shrinks_as_memory_fills_up),
                TEST(who_holds_most_goes_when_memory_is_overdrawn),
                TEST(who_found_no_room_is_told_when_there_is_some),
                TEST(without_a_limit_there_is_always_room),
        };

        return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
