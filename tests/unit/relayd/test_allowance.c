/* How many bytes may go, and how many went: by a clock that the test turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relayd/node/allowance.h"

enum { SECOND = 1000000, RATE = 1000000, CHUNK = 262144 };

/* What goes in @seconds, in chunks, with somebody who waits exactly as long as told. */
static uint64_t goes_in(struct allowance *a, uint64_t rate, uint64_t seconds, uint64_t *now)
{
        uint64_t end = *now + seconds * SECOND, sum = 0;

        while (*now < end) {
                uint64_t wait = allowance_wait(a, rate, *now);

                if (wait == 0) {
                        allowance_spend(a, CHUNK);
                        sum += CHUNK;
                } else {
                        *now += wait;
                }
        }
        return sum;
}

static void the_rate_is_kept_over_time(void **state)
{
        struct allowance a = { 0 };
        uint64_t now = 12345678, went = goes_in(&a, RATE, 60, &now);

        assert_in_range(went, 59 * RATE, 61 * RATE);
}

static void a_rate_that_is_slower_than_a_chunk_a_second_is_kept_too(void **state)
{
        struct allowance a = { 0 };
        uint64_t now = SECOND, went = goes_in(&a, RATE / 100, 600, &now);

        assert_in_range(went, 600 * (RATE / 100) - CHUNK, 600 * (RATE / 100) + 2 * CHUNK);
}

static void what_is_saved_while_nothing_goes_is_a_quarter_of_a_second(void **state)
{
        struct allowance a = { 0 };
        uint64_t now = SECOND, sum = 0;

        (void) goes_in(&a, RATE, 5, &now);
        now += 3600ULL * SECOND;
        while (allowance_wait(&a, RATE, now) == 0) {
                allowance_spend(&a, CHUNK);
                sum += CHUNK;
        }
        assert_in_range(sum, 1, RATE / 4 + CHUNK);
}

static void without_a_limit_nothing_waits_and_nothing_is_owed_later(void **state)
{
        struct allowance a = { 0 };
        uint64_t now = SECOND;

        for (unsigned i = 0; i < 1000; i++) {
                assert_int_equal(allowance_wait(&a, 0, now), 0);
                allowance_spend(&a, CHUNK);
        }
        assert_int_equal(allowance_wait(&a, 0, now), 0);
        now += SECOND;
        assert_int_equal(allowance_wait(&a, RATE, now), 0);
}

static void the_pace_is_of_the_last_seconds(void **state)
{
        struct pace p = { 0 };
        uint64_t now = 1000ULL * SECOND;

        assert_int_equal(pace_of(&p, now), 0);
        for (unsigned i = 0; i < 100; i++, now += SECOND / 10)
                pace_add(&p, RATE / 10, now);
        assert_in_range(pace_of(&p, now), RATE * 8 / 10, RATE * 12 / 10);
        assert_in_range(pace_of(&p, now + 2 * SECOND), 1, RATE * 7 / 10);
        assert_int_equal(pace_of(&p, now + 10ULL * SECOND), 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_rate_is_kept_over_time),
                cmocka_unit_test(a_rate_that_is_slower_than_a_chunk_a_second_is_kept_too),
                cmocka_unit_test(what_is_saved_while_nothing_goes_is_a_quarter_of_a_second),
                cmocka_unit_test(without_a_limit_nothing_waits_and_nothing_is_owed_later),
                cmocka_unit_test(the_pace_is_of_the_last_seconds),
        };

        return cmocka_run_group_tests_name("allowance", tests, NULL, NULL);
}
