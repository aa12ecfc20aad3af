/* The answer of GetAll, taken apart by a table. */
#include "tests/unit/ui/peer.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "ui/client/properties.h"

/* A sealed message with what @types say, to be read from its start. */
static sd_bus_message *message(struct peer *p, const char *types, ...)
{
        sd_bus_message *m;
        va_list arguments;

        assert_true(sd_bus_message_new_signal(p->client, &m, "/", "a.b", "C") >= 0);
        va_start(arguments, types);
        assert_true(sd_bus_message_appendv(m, types, arguments) >= 0);
        va_end(arguments);
        assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
        return m;
}

static int setup(void **state)
{
        static struct peer p;

        peer_open(&p);
        *state = &p;
        return 0;
}

static int teardown(void **state)
{
        peer_close(*state);
        return 0;
}

static void every_kind_is_read_and_strangers_are_skipped(void **state)
{
        char text[8] = "";
        bool boolean = false;
        uint32_t small = 0;
        uint64_t large = 0;
        double number = 0, four[4] = { 0 };
        const struct property table[] = {
                { "Text", PROPERTY_STRING, text, sizeof(text) },
                { "Boolean", PROPERTY_BOOLEAN, &boolean, 0 },
                { "Small", PROPERTY_UINT32, &small, 0 },
                { "Large", PROPERTY_UINT64, &large, 0 },
                { "Number", PROPERTY_DOUBLE, &number, 0 },
                { "Four", PROPERTY_FOUR_DOUBLES, four, 0 },
                { NULL, 0, NULL, 0 },
        };
        sd_bus_message *m =
                message(*state, "a{sv}", 7, "Stranger", "as", 1, "x", "Text", "s", "abc", "Boolean", "b", 1, "Small",
                        "u", 7u, "Large", "t", UINT64_C(1) << 40, "Number", "d", 0.5, "Four", "(dddd)", .1, .2, .3, .4);

        assert_int_equal(properties_read(m, table), 0);
        assert_string_equal(text, "abc");
        assert_true(boolean);
        assert_int_equal(small, 7);
        assert_int_equal(large, UINT64_C(1) << 40);
        assert_true(number == 0.5 && four[0] == .1 && four[3] == .4);
        sd_bus_message_unref(m);
}

static void what_the_answer_does_not_have_stays_as_it_was(void **state)
{
        char text[8] = "before";
        const struct property table[] = { { "Text", PROPERTY_STRING, text, sizeof(text) }, { NULL, 0, NULL, 0 } };
        sd_bus_message *m = message(*state, "a{sv}", 0);

        assert_int_equal(properties_read(m, table), 0);
        assert_string_equal(text, "before");
        sd_bus_message_unref(m);
}

static void a_property_of_another_type_is_an_error(void **state)
{
        char text[8] = "";
        const struct property table[] = { { "Text", PROPERTY_STRING, text, sizeof(text) }, { NULL, 0, NULL, 0 } };
        sd_bus_message *m = message(*state, "a{sv}", 1, "Text", "u", 7u);

        assert_int_equal(properties_read(m, table), -EBADMSG);
        sd_bus_message_unref(m);
}

static void an_answer_of_another_form_is_an_error(void **state)
{
        const struct property table[] = { { NULL, 0, NULL, 0 } };
        sd_bus_message *m = message(*state, "s", "x");

        assert_int_equal(properties_read(m, table), -EBADMSG);
        sd_bus_message_unref(m);
}

static void a_long_text_is_cut_between_characters(void **state)
{
        static const struct {
                const char *text, *cut;
        } cases[] = { { "1234567", "1234567" }, { "12345678", "1234567" }, { "123456ä", "123456" },
                      { "12345ä", "12345ä" },   { "12345€", "12345" },     { "1234\xf0\x9f\x98\x80", "1234" } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char text[8] = "";
                const struct property table[] = { { "Text", PROPERTY_STRING, text, sizeof(text) },
                                                  { NULL, 0, NULL, 0 } };
                sd_bus_message *m = message(*state, "a{sv}", 1, "Text", "s", cases[i].text);

                assert_int_equal(properties_read(m, table), 0);
                assert_string_equal(text, cases[i].cut);
                sd_bus_message_unref(m);
        }
}

static void what_is_no_number_becomes_zero(void **state)
{
        double number = 1, four[4] = { 1, 1, 1, 1 };
        const struct property table[] = { { "Number", PROPERTY_DOUBLE, &number, 0 },
                                          { "Four", PROPERTY_FOUR_DOUBLES, four, 0 },
                                          { NULL, 0, NULL, 0 } };
        sd_bus_message *m =
                message(*state, "a{sv}", 2, "Number", "d", NAN, "Four", "(dddd)", INFINITY, 1., -INFINITY, NAN);

        assert_int_equal(properties_read(m, table), 0);
        assert_true(number == 0 && four[0] == 0 && four[1] == 1 && four[2] == 0 && four[3] == 0);
        sd_bus_message_unref(m);
}

static void what_comes_behind_is_left_to_the_caller(void **state)
{
        uint64_t number = 0;
        const struct property table[] = { { "Number", PROPERTY_UINT64, &number, 0 }, { NULL, 0, NULL, 0 } };
        sd_bus_message *m = message(*state, "a{sv}a{sv}", 1, "Number", "t", UINT64_C(1), 1, "Number", "t", UINT64_C(2));

        assert_int_equal(properties_read(m, table), 0);
        assert_int_equal(number, 1);
        assert_int_equal(properties_read(m, table), 0);
        assert_int_equal(number, 2);
        sd_bus_message_unref(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_kind_is_read_and_strangers_are_skipped),
                cmocka_unit_test(what_the_answer_does_not_have_stays_as_it_was),
                cmocka_unit_test(a_property_of_another_type_is_an_error),
                cmocka_unit_test(an_answer_of_another_form_is_an_error),
                cmocka_unit_test(a_long_text_is_cut_between_characters),
                cmocka_unit_test(what_comes_behind_is_left_to_the_caller),
                cmocka_unit_test(what_is_no_number_becomes_zero),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
