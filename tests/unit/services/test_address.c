/* What is an address, what is not, and that the canonical text reads back as the same address. */
#include <errno.h>
#include <string.h>

#include "cmocka_headers.h"
#include "services/address.h"
#include "services/cleanup.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define LABEL63 "a23456789012345678901234567890123456789012345678901234567890123"

static void addresses_round_trip_to_their_canonical_text(void **state)
{
        static const struct {
                const char *text, *canonical;
        } cases[] = {
                { "alice@hub.example.org", "alice@hub.example.org:7843" },
                { "Alice@Hub.Example.ORG:1", "alice@hub.example.org:1" },
                { "a.b_c-9@localhost:65535", "a.b_c-9@localhost:65535" },
                { "0@192.0.2.1", "0@192.0.2.1:7843" },
                { "alice@[2001:DB8:0:0::1]", "alice@[2001:db8::1]:7843" },
                { "alice@[::1]:7844", "alice@[::1]:7844" },
                { "alice@hub#" KEY, "alice@hub:7843#" KEY },
                { "alice@[::1]:7844#" KEY, "alice@[::1]:7844#" KEY },
                { LABEL63 "x@" LABEL63 "." LABEL63 "." LABEL63 "."
                          "a2345678901234567890123456789012345678901234567890123456789.0#" KEY,
                  LABEL63 "x@" LABEL63 "." LABEL63 "." LABEL63 "."
                          "a2345678901234567890123456789012345678901234567890123456789.0:7843#" KEY },
        };

        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct address a, b;
                char text[ADDRESS_TEXT_MAX];

                assert_int_equal(address_parse(cases[i].text, &a, NULL), 0);
                address_format(&a, true, text);
                assert_string_equal(text, cases[i].canonical);
                assert_int_equal(address_parse(text, &b, NULL), 0);
                assert_true(address_equal(&a, &b));
                assert_int_equal(a.has_key, b.has_key);
                assert_memory_equal(a.key, b.key, sizeof(a.key));
        }
}

static void the_key_is_written_only_on_request(void **state)
{
        struct address a;
        char text[ADDRESS_TEXT_MAX];

        assert_int_equal(address_parse("alice@hub#" KEY, &a, NULL), 0);
        for (uint8_t i = 0; i < ADDRESS_KEY_SIZE; i++)
                assert_int_equal(a.key[i], i);
        address_format(&a, false, text);
        assert_string_equal(text, "alice@hub:7843");
}

static void a_hub_has_no_name(void **state)
{
        struct address a;
        char text[ADDRESS_TEXT_MAX];
        const char *reason;

        assert_int_equal(address_parse_hub("Hub.example.org#" KEY, &a, NULL), 0);
        assert_string_equal(a.name, "");
        address_format(&a, true, text);
        assert_string_equal(text, "hub.example.org:7843#" KEY);
        assert_int_equal(address_parse_hub("alice@hub", &a, &reason), -EINVAL);
        assert_non_null(strstr(reason, "hub"));
        assert_int_equal(address_parse("hub.example.org", &a, NULL), -EINVAL);
}

static void what_is_no_address_is_refused_with_the_reason(void **state)
{
        static const struct {
                const char *text, *reason;
        } cases[] = {
                { "", "name@host" },
                { "alice", "name@host" },
                { "@hub", "1 to 64" },
                { LABEL63 "xx@hub", "1 to 64" },
                { ".alice@hub", "start with" },
                { "-alice@hub", "start with" },
                { "al ice@hub", "may hold only" },
                { "al\nice@hub", "may hold only" },
                { "\xc3\xa9lise@hub", "start with" },
                { "al/ice@hub", "may hold only" },
                { "alice@", "host is missing" },
                { "alice@:7843", "host is missing" },
                { "alice@bob@hub", "neither a host name" },
                { "alice@hub..org", "neither a host name" },
                { "alice@.hub", "neither a host name" },
                { "alice@hub.", "neither a host name" },
                { "alice@-hub", "neither a host name" },
                { "alice@hub-.org", "neither a host name" },
                { "alice@hub-", "neither a host name" },
                { "alice@h ub", "neither a host name" },
                { "alice@" LABEL63 "x.org", "neither a host name" },
                { "alice@" LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, "at most 253" },
                { "alice@2001:db8::1", "in brackets" },
                { "alice@[2001:db8::1", "not closed" },
                { "alice@[::1]x", "not closed" },
                { "alice@[hub]", "IPv6" },
                { "alice@[]", "IPv6" },
                { "alice@[::1%eth0]", "IPv6" },
                { "alice@hub:", "port" },
                { "alice@hub:0", "port" },
                { "alice@hub:07843", "port" },
                { "alice@hub:65536", "port" },
                { "alice@hub:123456", "port" },
                { "alice@hub:+1", "port" },
                { "alice@hub:1 ", "port" },
                { "alice@hub#", "key" },
                { "alice@hub#AA", "key" },
                { "alice@hub#" KEY "=", "key" },
                { "alice@hub#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", "key" }, /* a bit beyond the 256 */
        };

        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct address a = { .port = 4711 };
                const char *reason = NULL;

                assert_int_equal(address_parse(cases[i].text, &a, &reason), -EINVAL);
                assert_non_null(reason);
                if (!strstr(reason, cases[i].reason))
                        fail_msg("\"%s\" is refused for another reason: %s", cases[i].text, reason);
                assert_int_equal(a.port, 4711); /* set only on success */
        }
}

static void a_text_without_end_is_refused(void **state)
{
        char text[2000];
        struct address a;
        const char *reason;

        memset(text, 'a', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        text[1] = '@';
        assert_int_equal(address_parse(text, &a, &reason), -EINVAL);
        assert_non_null(strstr(reason, "too long"));
}

static void keys_are_not_compared_but_all_else_is(void **state)
{
        struct address a, b;

        assert_int_equal(address_parse("alice@hub#" KEY, &a, NULL), 0);
        assert_int_equal(address_parse("ALICE@HUB:7843", &b, NULL), 0);
        assert_true(address_equal(&a, &b));
        assert_int_equal(address_parse("alice@hub:7844", &b, NULL), 0);
        assert_false(address_equal(&a, &b));
        assert_int_equal(address_parse("alice@hub2", &b, NULL), 0);
        assert_false(address_equal(&a, &b));
        assert_int_equal(address_parse("alic@hub", &b, NULL), 0);
        assert_false(address_equal(&a, &b));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_round_trip_to_their_canonical_text),
                cmocka_unit_test(the_key_is_written_only_on_request),
                cmocka_unit_test(a_hub_has_no_name),
                cmocka_unit_test(what_is_no_address_is_refused_with_the_reason),
                cmocka_unit_test(a_text_without_end_is_refused),
                cmocka_unit_test(keys_are_not_compared_but_all_else_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
