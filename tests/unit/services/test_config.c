/* Which of several files wins, what a value may be, and that every mistake is named with its file and line. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "services/cleanup.h"
#include "services/config.h"
#include "services/log.h"
#include "stderr_capture.h"

static const struct config_key keys[] = {
        { "hub", "address", "hub.example.org" },
        { "hub", "limit", "10" },
        { "hub", "fast", "no" },
        { "hub", "delay", "30s" },
        { "hub", "unset", NULL },
        { "camera", "path", "/dev/video0" },
        { NULL, NULL, NULL },
};

static void put(const char *name, const char *text)
{
        scratch_write(name, text, strlen(text));
}

static int make_directories(void **state)
{
        static const char *const names[] = { "vendor", "vendor/test.conf.d", "admin", "admin/test.conf.d" };

        if (scratch_setup(state) < 0)
                return -1;
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                _cleanup_free_ char *path = scratch_path(names[i]);

                if (mkdir(path, 0700) < 0)
                        return -1;
        }
        log_open("test", LOG_INFO);
        return 0;
}

static int load(struct config **out)
{
        char directories[256];

        snprintf(directories, sizeof(directories), "%s/vendor:%s/admin:%s/missing", scratch, scratch, scratch);
        return config_load("test", directories, keys, out);
}

static void release(struct config **c)
{
        *c = config_free(*c);
}

#define _cleanup_config_ _cleanup_(release)

/* Loads a file that must be refused, and checks the complaint (where it can be seen). */
static void refused(const char *text, const char *where, const char *what)
{
        struct config *c = NULL;
        struct capture capture;

        put("admin/test.conf", text);
        capture_begin(&capture);
        int r = load(&c);
        const char *complaint = capture_end(&capture);
        assert_int_equal(r, -EINVAL);
        assert_null(c);
        if (access("/run/systemd/journal/socket", F_OK) == 0)
                return;
        if (!strstr(complaint, where) || !strstr(complaint, what))
                fail_msg("\"%s\" and \"%s\" were expected in: %s", where, what, complaint);
}

static void without_files_the_fallbacks_count(void **state)
{
        _cleanup_config_ struct config *c = NULL;
        int64_t limit;

        assert_int_equal(load(&c), 0);
        assert_string_equal(config_string(c, "hub", NULL, "address"), "hub.example.org");
        assert_null(config_string(c, "hub", NULL, "unset"));
        assert_null(config_instance(c, "camera", 0));
        assert_int_equal(config_integer(c, "hub", NULL, "limit", 0, 100, &limit), 0);
        assert_int_equal(limit, 10);
}

static void later_files_win_key_by_key(void **state)
{
        _cleanup_config_ struct config *c = NULL;

        put("vendor/test.conf", "[hub]\naddress = vendor\nlimit = 1\nfast = yes\ndelay = 1s\n");
        put("admin/test.conf", "[hub]\naddress = admin\nlimit = 2\nfast = no\n");
        put("admin/test.conf.d/10-a.conf", "[hub]\naddress = admin-10\nlimit = 3\n");
        put("vendor/test.conf.d/20-b.conf", "[hub]\naddress = vendor-20\n");
        put("vendor/test.conf.d/15-c.conf", "[hub]\nunset = vendor-15\n");
        put("admin/test.conf.d/15-c.conf", "[hub]\nunset = admin-15\n");
        put("admin/test.conf.d/30-d.conf.bak", "[hub]\naddress = not read\n");
        put("admin/test.conf.d/.40-e.conf", "[hub]\naddress = not read\n");
        assert_int_equal(load(&c), 0);
        assert_string_equal(config_string(c, "hub", NULL, "address"), "vendor-20");
        assert_string_equal(config_string(c, "hub", NULL, "limit"), "3");
        assert_string_equal(config_string(c, "hub", NULL, "fast"), "no");
        assert_string_equal(config_string(c, "hub", NULL, "delay"), "1s");
        assert_string_equal(config_string(c, "hub", NULL, "unset"), "admin-15");
}

static void an_empty_value_goes_back_to_the_fallback(void **state)
{
        _cleanup_config_ struct config *c = NULL;

        put("vendor/test.conf", "[hub]\naddress = vendor\n");
        put("admin/test.conf", "[hub]\naddress =\n");
        assert_int_equal(load(&c), 0);
        assert_string_equal(config_string(c, "hub", NULL, "address"), "hub.example.org");
}

static void spaces_comments_and_line_ends_do_not_matter(void **state)
{
        _cleanup_config_ struct config *c = NULL;

        put("admin/test.conf",
            "# comment\r\n\n \t# indented\n  [ hub ] \r\n\taddress=hub:1#key = a # b\t\r\n limit  =  5");
        assert_int_equal(load(&c), 0);
        assert_string_equal(config_string(c, "hub", NULL, "address"), "hub:1#key = a # b");
        assert_string_equal(config_string(c, "hub", NULL, "limit"), "5");
}

static void instances_are_listed_in_order_of_appearance(void **state)
{
        _cleanup_config_ struct config *c = NULL;

        put("vendor/test.conf", "[camera back door]\npath = /b\n[camera front]\n");
        put("admin/test.conf", "[camera front]\npath = /f\n[camera]\n[camera  third]\n[camera back door]\n[hub]\n");
        assert_int_equal(load(&c), 0);
        assert_string_equal(config_instance(c, "camera", 0), "back door");
        assert_string_equal(config_instance(c, "camera", 1), "front");
        assert_string_equal(config_instance(c, "camera", 2), "third");
        assert_null(config_instance(c, "camera", 3));
        assert_null(config_instance(c, "hub", 0));
        assert_string_equal(config_string(c, "camera", "front", "path"), "/f");
        assert_string_equal(config_string(c, "camera", "back door", "path"), "/b");
        assert_string_equal(config_string(c, "camera", "third", "path"), "/dev/video0");
}

static void mistakes_are_named_with_file_and_line(void **state)
{
        refused("[hub]\n\naddres = x\n", "admin/test.conf:3:", "addres");
        refused("# x\n[hubs]\n", "admin/test.conf:2:", "hubs");
        refused("[hub\n", "admin/test.conf:1:", "not closed");
        refused("[", "admin/test.conf:1:", "not closed");
        refused("[]\n", "admin/test.conf:1:", "unknown section");
        refused("address = x\n", "admin/test.conf:1:", "no section");
        refused("[hub]\naddress\n", "admin/test.conf:2:", "key = value");
        refused("[hub]\n= x\n", "admin/test.conf:2:", "unknown key");
        refused("[hub]\npath = x\n", "admin/test.conf:2:", "path");
        refused("[hub]\n\n\naddress = \xff\n", "admin/test.conf:4:", "UTF-8");
}

static void a_nul_in_a_file_is_a_mistake(void **state)
{
        struct config *c = NULL;
        struct capture capture;

        scratch_write("admin/test.conf", "[hub]\naddress = a\0b\n", 20);
        capture_begin(&capture);
        int r = load(&c);
        capture_end(&capture);
        assert_int_equal(r, -EINVAL);
        assert_null(c);
}

static void a_mistake_in_a_drop_in_is_found_there(void **state)
{
        put("vendor/test.conf.d/50-x.conf", "[hub]\nlimits = 1\n");
        refused("[hub]\nlimit = 1\n", "vendor/test.conf.d/50-x.conf:2:", "limits");
}

static void numbers_keep_to_their_range(void **state)
{
        static const struct {
                const char *text;
                int result;
                int64_t value;
        } cases[] = {
                { "-5", 0, -5 },       { "100", 0, 100 },
                { "101", -ERANGE, 0 }, { "-6", -ERANGE, 0 },
                { "1x", -EINVAL, 0 },  { "x", -EINVAL, 0 },
                { "1.5", -EINVAL, 0 }, { "99999999999999999999", -ERANGE, 0 },
        };

        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                _cleanup_config_ struct config *c = NULL;
                struct capture capture;
                char text[64];
                int64_t value = 0;

                snprintf(text, sizeof(text), "[hub]\n\nlimit = %s\n", cases[i].text);
                put("admin/test.conf", text);
                assert_int_equal(load(&c), 0);
                capture_begin(&capture);
                int r = config_integer(c, "hub", NULL, "limit", -5, 100, &value);
                const char *complaint = capture_end(&capture);
                assert_int_equal(r, cases[i].result);
                assert_int_equal(value, cases[i].value);
                if (r < 0 && access("/run/systemd/journal/socket", F_OK) < 0)
                        assert_non_null(strstr(complaint, "admin/test.conf:3:"));
        }
}

static void yes_and_no_have_their_usual_words(void **state)
{
        static const struct {
                const char *text;
                int result;
                bool value;
        } cases[] = { { "yes", 0, true },           { "On", 0, true },  { "1", 0, true },
                      { "true", 0, true },          { "no", 0, false }, { "off", 0, false },
                      { "perhaps", -EINVAL, false } };

        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                _cleanup_config_ struct config *c = NULL;
                struct capture capture;
                char text[64];
                bool value = false;

                snprintf(text, sizeof(text), "[hub]\nfast = %s\n", cases[i].text);
                put("admin/test.conf", text);
                assert_int_equal(load(&c), 0);
                capture_begin(&capture);
                int r = config_boolean(c, "hub", NULL, "fast", &value);
                capture_end(&capture);
                assert_int_equal(r, cases[i].result);
                assert_int_equal(value, cases[i].value);
        }
}

static void times_have_units(void **state)
{
        static const struct {
                const char *text;
                int result;
                uint64_t usec;
        } cases[] = {
                { "30s", 0, 30000000 },
                { "30", 0, 30000000 },
                { "5min", 0, 300000000 },
                { "30m", 0, 1800000000 },
                { "2h", 0, 7200000000 },
                { "1d", 0, 86400000000 },
                { "250ms", 0, 250000 },
                { "7us", 0, 7 },
                { "1h 30 min", 0, 5400000000 },
                { "1min30s", 0, 90000000 },
                { "s", -EINVAL, 0 },
                { "5 parsecs", -EINVAL, 0 },
                { "-1s", -EINVAL, 0 },
                { "1.5s", -EINVAL, 0 },
                { "99999999999999999999s", -ERANGE, 0 },
                { "18446744073709551615s", -ERANGE, 0 },
        };

        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                _cleanup_config_ struct config *c = NULL;
                struct capture capture;
                char text[64];
                uint64_t usec = 0;

                snprintf(text, sizeof(text), "[hub]\ndelay = %s\n", cases[i].text);
                put("admin/test.conf", text);
                assert_int_equal(load(&c), 0);
                capture_begin(&capture);
                int r = config_duration(c, "hub", NULL, "delay", &usec);
                capture_end(&capture);
                assert_int_equal(r, cases[i].result);
                assert_true(usec == cases[i].usec);
        }
}

static void a_number_that_nobody_set_is_an_error(void **state)
{
        _cleanup_config_ struct config *c = NULL;
        struct capture capture;
        int64_t value;

        assert_int_equal(load(&c), 0);
        capture_begin(&capture);
        int r = config_integer(c, "hub", NULL, "unset", 0, 1, &value);
        const char *complaint = capture_end(&capture);
        assert_int_equal(r, -EINVAL);
        if (access("/run/systemd/journal/socket", F_OK) < 0)
                assert_non_null(strstr(complaint, "test.conf"));
}

#define config_test(f) cmocka_unit_test_setup_teardown(f, make_directories, scratch_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                config_test(without_files_the_fallbacks_count),
                config_test(later_files_win_key_by_key),
                config_test(an_empty_value_goes_back_to_the_fallback),
                config_test(spaces_comments_and_line_ends_do_not_matter),
                config_test(instances_are_listed_in_order_of_appearance),
                config_test(mistakes_are_named_with_file_and_line),
                config_test(a_nul_in_a_file_is_a_mistake),
                config_test(a_mistake_in_a_drop_in_is_found_there),
                config_test(numbers_keep_to_their_range),
                config_test(yes_and_no_have_their_usual_words),
                config_test(times_have_units),
                config_test(a_number_that_nobody_set_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
