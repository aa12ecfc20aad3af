/* Wrong factors cost time, and nothing that the clock or the power switch does makes a guess cheaper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "services/throttle.h"

static struct boot_time at(uint8_t boot, uint64_t seconds)
{
        return (struct boot_time){ { boot }, seconds * 1000000 };
}

static struct throttle after(uint32_t failures, struct boot_time when)
{
        struct throttle t = { 0 };

        for (uint32_t i = 0; i < failures; i++)
                throttle_attempt(&t, &when);
        return t;
}

static void the_first_mistakes_are_free(void **state)
{
        struct boot_time now = at(1, 100);

        for (uint32_t failures = 0; failures < THROTTLE_FREE; failures++) {
                struct throttle t = after(failures, now);

                assert_int_equal(throttle_remaining(&t, &now), 0);
        }
}

static void delays_never_shrink_and_end_in_a_lock_out(void **state)
{
        for (uint32_t failures = THROTTLE_FREE; failures < THROTTLE_LOCK_OUT; failures++) {
                assert_true(throttle_delay(failures) > 0);
                assert_true(throttle_delay(failures + 1) >= throttle_delay(failures));
        }
        assert_true(throttle_delay(THROTTLE_LOCK_OUT - 1) < UINT64_MAX);
        assert_true(throttle_delay(THROTTLE_LOCK_OUT) == UINT64_MAX);
        assert_true(throttle_delay(UINT32_MAX) == UINT64_MAX);
}

static void a_delay_ends_when_it_has_passed(void **state)
{
        struct throttle t = after(THROTTLE_FREE, at(1, 100));
        struct boot_time early = at(1, 104), late = at(1, 105);

        assert_int_equal(throttle_remaining(&t, &early), 1000000);
        assert_int_equal(throttle_remaining(&t, &late), 0);
}

static void a_reboot_starts_the_delay_anew(void **state)
{
        struct throttle t = after(THROTTLE_FREE, at(1, 1000000));
        struct boot_time just_booted = at(2, 1), later = at(2, 5);

        assert_int_equal(throttle_remaining(&t, &just_booted), 4000000);
        assert_int_equal(throttle_remaining(&t, &later), 0);
        assert_int_equal(throttle_passed(&t, &later), 5000000);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
        struct throttle t = after(THROTTLE_FREE, at(1, 100));
        struct boot_time before = at(1, 1);

        assert_int_equal(throttle_remaining(&t, &before), 5000000);
}

static void the_lock_out_outlasts_time_and_reboots(void **state)
{
        struct throttle t = after(THROTTLE_LOCK_OUT + 5, at(1, 100));
        struct boot_time later = at(1, 100000000), rebooted = at(2, 100000000);

        assert_true(throttle_remaining(&t, &later) == UINT64_MAX);
        assert_true(throttle_remaining(&t, &rebooted) == UINT64_MAX);
        throttle_clear(&t);
        assert_int_equal(throttle_remaining(&t, &later), 0);
}

static void what_is_written_is_read_again(void **state)
{
        struct throttle t = after(7, at(9, 1234)), again;
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct reader r;

        throttle_write(&t, &w);
        reader_init(&r, writer_bytes(&w));
        throttle_read(&r, &again);
        assert_int_equal(reader_finish(&r), 0);
        assert_memory_equal(&t, &again, sizeof(t));
}

static void the_machine_has_a_boot_id_and_a_clock_that_runs(void **state)
{
        struct boot_time a, b;

        assert_int_equal(boot_time_now(&a), 0);
        assert_int_equal(boot_time_now(&b), 0);
        assert_memory_equal(a.boot_id, b.boot_id, BOOT_ID_SIZE);
        assert_true(b.usec >= a.usec);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_mistakes_are_free),
                cmocka_unit_test(delays_never_shrink_and_end_in_a_lock_out),
                cmocka_unit_test(a_delay_ends_when_it_has_passed),
                cmocka_unit_test(a_reboot_starts_the_delay_anew),
                cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
                cmocka_unit_test(the_lock_out_outlasts_time_and_reboots),
                cmocka_unit_test(what_is_written_is_read_again),
                cmocka_unit_test(the_machine_has_a_boot_id_and_a_clock_that_runs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
