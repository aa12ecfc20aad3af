/* What reaches the terminal. */
#include "tests/unit/services/cmocka_headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ui/cli/output.h"

#define BAD "\xef\xbf\xbd"

static void sanitises_to(const char *text, bool lines, const char *expected)
{
        char *safe = output_sanitise(text, lines);

        assert_string_equal(safe, expected);
        free(safe);
}

static void ordinary_text_stays(void **state)
{
        sanitises_to("", false, "");
        sanitises_to("Grüße, 你好 \xf0\x9f\x98\x80!", false, "Grüße, 你好 \xf0\x9f\x98\x80!");
}

static void newlines_and_tabs_stay_only_where_lines_may(void **state)
{
        sanitises_to("a\n\tb", true, "a\n\tb");
        sanitises_to("a\n\tb", false, "a" BAD BAD "b");
        sanitises_to("a\rb", true, "a" BAD "b");
}

static void controls_are_replaced(void **state)
{
        sanitises_to("\x1b[2J\x07", true, BAD "[2J" BAD);
        sanitises_to("\x7f", true, BAD);
        sanitises_to("\xc2\x9b", true, BAD); /* U+009B, CSI in one character */
        for (char c = 1; c < 0x20; c++) {
                const char text[] = { c, '\0' };

                sanitises_to(text, false, BAD);
        }
}

static void direction_overrides_are_replaced(void **state)
{
        for (unsigned last = 0xaa; last <= 0xae; last++) {
                const char text[] = { '\xe2', '\x80', (char) last, '\0' }; /* U+202A to U+202E */

                sanitises_to(text, true, BAD);
        }
        sanitises_to("\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8f\xd8\x9c", true, BAD BAD BAD BAD);
}

static void what_is_not_utf8_is_replaced_byte_by_byte(void **state)
{
        sanitises_to("\xff", true, BAD);
        sanitises_to("\xc3", true, BAD);
        sanitises_to("\xc0\x9b", true, BAD BAD);         /* overlong */
        sanitises_to("\xed\xa0\x80", true, BAD BAD BAD); /* a surrogate */
        sanitises_to("\xf4\x90\x80\x80", true, BAD BAD BAD BAD);
        sanitises_to("\xe2\x82"
                     "a",
                     true, BAD BAD "a");
}

/* What output_json() prints for a string. */
static void prints_json(const char *text, const char *expected)
{
        char line[256] = "";
        int stdout_before = dup(STDOUT_FILENO);
        FILE *f = tmpfile();

        assert_non_null(f);
        fflush(stdout);
        assert_true(dup2(fileno(f), STDOUT_FILENO) >= 0);
        output_json(json_object_new_string(text));
        fflush(stdout);
        assert_true(dup2(stdout_before, STDOUT_FILENO) >= 0);
        close(stdout_before);
        rewind(f);
        assert_non_null(fgets(line, sizeof(line), f));
        fclose(f);
        assert_string_equal(line, expected);

        json_object *back = json_tokener_parse(line);
        assert_string_equal(json_object_get_string(back), text);
        json_object_put(back);
}

static void json_is_exact_and_safe(void **state)
{
        prints_json("Grüße/\"", "\"Grüße/\\\"\"\n");
        prints_json("\xc2\x9b\xe2\x80\xae\x7f", "\"\\u009b\\u202e\\u007f\"\n");
        prints_json("a\nb", "\"a\\nb\"\n");
}

static void the_time_0_is_no_time(void **state)
{
        char text[32];

        output_time(0, text);
        assert_string_equal(text, "-");
        setenv("TZ", "UTC", 1);
        output_time(UINT64_C(1700000000000000), text);
        assert_string_equal(text, "2023-11-14 22:13");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ordinary_text_stays),
                cmocka_unit_test(newlines_and_tabs_stay_only_where_lines_may),
                cmocka_unit_test(controls_are_replaced),
                cmocka_unit_test(direction_overrides_are_replaced),
                cmocka_unit_test(what_is_not_utf8_is_replaced_byte_by_byte),
                cmocka_unit_test(json_is_exact_and_safe),
                cmocka_unit_test(the_time_0_is_no_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
