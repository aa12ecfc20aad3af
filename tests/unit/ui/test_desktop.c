/* The parts of the desktop that need no window: the bus in GLib's loop, the judgement of a PIN, times in words. */
#include "tests/unit/services/cmocka_headers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "ui/desktop/bus_source.h"
#include "ui/desktop/pin_judgement.h"
#include "ui/desktop/when.h"

/* The bus: both ends of a connection in one main context. */

struct world {
        sd_bus *client, *service;
        GSource *sources[2];
        bool done;
        int error; /* that the call ended with */
        const char *text;
};

static gboolean too_late(gpointer userdata)
{
        fail_msg("nothing happened for five seconds");
        return G_SOURCE_REMOVE;
}

static void run(const bool *condition)
{
        guint timer = g_timeout_add_seconds(5, too_late, NULL);

        while (!*condition)
                g_main_context_iteration(NULL, true);
        g_source_remove(timer);
}

static int serve(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        const char *text;

        if (!sd_bus_message_is_method_call(m, "x.y", "Echo"))
                return sd_bus_message_is_method_call(m, "x.y", "Silence");
        assert_true(sd_bus_message_read(m, "s", &text) > 0);
        return sd_bus_reply_method_return(m, "s", text);
}

static void world_open(struct world *w)
{
        int fds[2];

        *w = (struct world){ 0 };
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        assert_true(sd_bus_new(&w->client) >= 0 && sd_bus_set_fd(w->client, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_new(&w->service) >= 0 && sd_bus_set_fd(w->service, fds[1], fds[1]) >= 0);
        assert_true(sd_bus_set_server(w->service, true,
                                      SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10)) >=
                    0);
        assert_true(sd_bus_add_filter(w->service, NULL, serve, w) >= 0);
        assert_true(sd_bus_start(w->client) >= 0 && sd_bus_start(w->service) >= 0);
        w->sources[0] = bus_source_new(w->client);
        w->sources[1] = bus_source_new(w->service);
}

static void world_close(struct world *w)
{
        for (unsigned i = 0; i < 2; i++)
                w->sources[i] = bus_source_free(w->sources[i]);
        sd_bus_close_unref(w->client);
        sd_bus_close_unref(w->service);
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct world *w = userdata;

        w->done = true;
        w->error = sd_bus_message_get_errno(m);
        if (!w->error)
                assert_true(sd_bus_message_read(m, "s", &w->text) > 0);
        if (!w->error)
                assert_string_equal(w->text, "hello");
        return 0;
}

static void call(struct world *w, const char *member, uint64_t timeout)
{
        sd_bus_message *m;

        assert_true(sd_bus_message_new_method_call(w->client, &m, NULL, "/", "x.y", member) >= 0);
        assert_true(sd_bus_message_append(m, "s", "hello") >= 0);
        assert_true(sd_bus_call_async(w->client, NULL, m, on_reply, w, timeout) >= 0);
        sd_bus_message_unref(m);
}

static void test_calls_are_answered(void **state)
{
        struct world w;

        world_open(&w);
        for (int i = 0; i < 3; i++) {
                w.done = false;
                call(&w, "Echo", 0);
                run(&w.done);
                assert_int_equal(w.error, 0);
        }
        world_close(&w);
}

static void test_a_call_that_nobody_answers_times_out(void **state)
{
        struct world w;

        world_open(&w);
        call(&w, "Silence", 100 * 1000);
        run(&w.done);
        assert_int_equal(w.error, ETIMEDOUT);
        world_close(&w);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct world *w = userdata;

        w->done = true;
        w->sources[0] = bus_source_free(w->sources[0]);
        return 0;
}

static void test_the_end_of_the_connection_is_heard_and_the_source_may_end_in_it(void **state)
{
        struct world w;

        world_open(&w);
        assert_true(sd_bus_match_signal(w.client, NULL, NULL, NULL, "org.freedesktop.DBus.Local", "Disconnected",
                                        on_disconnected, &w) >= 0);
        call(&w, "Echo", 0);
        run(&w.done);
        w.done = false;
        w.sources[1] = bus_source_free(w.sources[1]);
        sd_bus_close(w.service);
        run(&w.done);
        world_close(&w);
}

/* PINs. */

static void test_pins_are_judged_by_what_they_withstand(void **state)
{
        static const struct {
                const char *pin;
                enum pin_grade grade;
        } cases[] = {
                { "", PIN_UNFIT },
                { "831", PIN_UNFIT },
                { "1234", PIN_UNFIT },
                { "9876", PIN_UNFIT },
                { "0000", PIN_UNFIT },
                { "121212", PIN_UNFIT },
                { "abcdef", PIN_UNFIT },
                { "abcabc", PIN_UNFIT },
                { "Password1", PIN_UNFIT },
                { "qwertz", PIN_UNFIT },
                { "1984", PIN_WEAK },
                { "2412", PIN_WEAK },
                { "241290", PIN_WEAK },
                { "24121990", PIN_WEAK },
                { "8317", PIN_WEAK },
                { "831769", PIN_WEAK },
                { "83176905", PIN_FAIR },
                { "hibiscus", PIN_WEAK },
                { "hibiscus tea", PIN_FAIR },
                { "2718-alice", PIN_STRONG },
                { "four old owls sing", PIN_STRONG },
                { "ünsägbär", PIN_FAIR },
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                struct pin_judgement j = pin_judge(BYTES(cases[i].pin, strlen(cases[i].pin)));

                if (j.grade != cases[i].grade)
                        fail_msg("“%s” is judged %d, not %d", cases[i].pin, (int) j.grade, (int) cases[i].grade);
                assert_true((*j.sentence != '\0') == (*cases[i].pin != '\0'));
        }
}

static void test_what_cryptod_would_refuse_is_unfit(void **state)
{
        static char text[1025];

        for (size_t i = 0; i < sizeof(text); i++)
                text[i] = (char) ('a' + i * i % 23);
        assert_int_equal(pin_judge(BYTES(text, 1025)).grade, PIN_UNFIT);
        assert_int_equal(pin_judge(BYTES(text, 1024)).grade, PIN_STRONG);
}

/* Times. */

static uint64_t usec(int year, int month, int day, int hour, int minute)
{
        struct tm tm = {
                .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute
        };

        return (uint64_t) timegm(&tm) * 1000000;
}

static void test_times_are_said_as_a_person_would(void **state)
{
        g_autoptr(GDateTime) now = g_date_time_new_local(2026, 3, 18, 9, 30, 0);
        const struct {
                uint64_t time;
                const char *brief, *day;
        } cases[] = {
                { usec(2026, 3, 18, 8, 5), "08:05", "Today" },
                { usec(2026, 3, 17, 23, 59), "Yesterday", "Yesterday" },
                { usec(2026, 3, 16, 12, 0), "Mon", "Monday" },
                { usec(2026, 3, 12, 12, 0), "Thu", "Thursday" },
                { usec(2026, 3, 11, 12, 0), "11 Mar", "11 March" },
                { usec(2026, 3, 19, 0, 0), "19 Mar", "19 March" },
                { usec(2025, 12, 31, 12, 0), "2025-12-31", "31 December 2025" },
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *brief = when_short(cases[i].time, now), *day = when_day(cases[i].time, now);

                assert_string_equal(brief, cases[i].brief);
                assert_string_equal(day, cases[i].day);
        }
}

static void test_a_time_that_no_calendar_has_does_no_harm(void **state)
{
        g_autoptr(GDateTime) now = g_date_time_new_local(2026, 3, 18, 9, 30, 0);
        g_autofree char *none = when_short(0, now), *far = when_short(UINT64_MAX, now),
                        *day = when_day(UINT64_MAX, now);
        g_autofree char *clock = when_clock(UINT64_MAX);

        assert_string_equal(none, "");
        assert_true(*far && *day && *clock);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_calls_are_answered),
                cmocka_unit_test(test_a_call_that_nobody_answers_times_out),
                cmocka_unit_test(test_the_end_of_the_connection_is_heard_and_the_source_may_end_in_it),
                cmocka_unit_test(test_pins_are_judged_by_what_they_withstand),
                cmocka_unit_test(test_what_cryptod_would_refuse_is_unfit),
                cmocka_unit_test(test_times_are_said_as_a_person_would),
                cmocka_unit_test(test_a_time_that_no_calendar_has_does_no_harm),
        };

        setenv("TZ", "UTC", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        return cmocka_run_group_tests_name("desktop", tests, NULL, NULL);
}
