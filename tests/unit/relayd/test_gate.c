/* The hub's gate: rates by address and account, and names. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/hub/gate.h"
#include "relayd/hub/names.h"
#include "relayd/hub/rate_table.h"

static const uint64_t start = 1000 * 1000000ULL, second = 1000000;

static struct sockaddr_storage address(const char *text)
{
        struct sockaddr_storage s = { 0 };
        struct sockaddr_in *in = (struct sockaddr_in *) &s;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &s;

        if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
                s.ss_family = AF_INET;
        else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
                s.ss_family = AF_INET6;
        else
                fail_msg("%s", text);
        return s;
}

static bool enters(struct gate *g, const char *from, uint64_t now, struct gate_pass *pass)
{
        struct sockaddr_storage s = address(from);

        return gate_enter(g, &s, now, pass);
}

static void a_rate_allows_a_burst_and_then_so_many_in_a_time(void **state)
{
        struct rate_table *t;
        struct bytes a = BYTES_STRING("a"), b = BYTES_STRING("b");

        assert_int_equal(rate_table_new(2, second, 3, 16, &t), 0);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(rate_table_take(t, a, start), 0);
        assert_int_equal(rate_table_take(t, a, start), second / 2);
        assert_int_equal(rate_table_take(t, b, start), 0);
        assert_int_equal(rate_table_take(t, a, start + second / 2 - 1), 1);
        assert_int_equal(rate_table_take(t, a, start + second / 2), 0);
        assert_int_not_equal(rate_table_take(t, a, start + second / 2), 0);
        rate_table_free(t);
}

static void what_has_happened_anyhow_is_charged_and_has_to_be_waited_for(void **state)
{
        struct bytes a = BYTES_STRING("a");
        struct rate_table *t;

        assert_int_equal(rate_table_new(1000000000, second, 5000000000, 16, &t), 0);
        assert_int_equal(rate_table_charge(t, a, 5000000000, start), 0);
        assert_int_equal(rate_table_charge(t, a, 3000000000, start), 3 * second);
        assert_int_equal(rate_table_charge(t, a, 1000000000, start + second), 3 * second);
        assert_int_equal(rate_table_charge(t, a, 0, start + 4 * second - 1), 1);
        assert_int_equal(rate_table_charge(t, a, 0, start + 4 * second), 0);
        assert_int_equal(rate_table_charge(t, BYTES_STRING("b"), 1, start), 0);
        rate_table_free(t);
}

static void strangers_do_not_push_a_spent_rate_out_of_the_table(void **state)
{
        struct rate_table *t;
        unsigned forgotten = 0;

        assert_int_equal(rate_table_new(1, 3600 * second, 5, 1024, &t), 0);
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(rate_table_take(t, BYTES_STRING("greedy"), start), 0);
        for (uint32_t i = 0; i < 100000; i++) {
                (void) rate_table_take(t, BYTES_OF(((uint32_t[]){ i })), start);
                forgotten += rate_table_take(t, BYTES_STRING("greedy"), start) == 0;
        }
        assert_int_equal(forgotten, 0);
        rate_table_free(t);
}

static void one_address_gets_a_share_of_the_places_for_strangers(void **state)
{
        struct gate *g;
        struct gate_pass passes[16], other;

        assert_int_equal(gate_new(&(struct gate_settings){ .unproven = 16 }, &g), 0);
        assert_true(enters(g, "192.0.2.1", start, &passes[0]));
        assert_true(enters(g, "192.0.2.1", start, &passes[1]));
        assert_false(enters(g, "192.0.2.1", start, &other));
        assert_false(enters(g, "::ffff:192.0.2.1", start, &other)); /* the same one */
        gate_proven(g, &passes[0]);
        assert_true(enters(g, "192.0.2.1", start, &passes[2]));
        for (unsigned i = 3; i < 16; i++) {
                char from[32];

                (void) snprintf(from, sizeof(from), "2001:db8:0:%x::1", i);
                assert_true(enters(g, from, start, &passes[i]));
        }
        assert_int_equal(gate_unproven(g), 15);
        assert_true(enters(g, "192.0.2.9", start, &other));
        assert_false(enters(g, "192.0.2.10", start, &passes[0]));
        gate_leave(g, &other);
        assert_true(enters(g, "192.0.2.10", start, &other));
        assert_int_equal(gate_refused(g), 3);
        gate_free(g);
}

static void a_network_of_64_bits_is_one_address(void **state)
{
        struct gate *g;
        struct gate_pass pass;

        assert_int_equal(gate_new(&(struct gate_settings){ .links_per_minute = 2, .registrations_per_hour = 1 }, &g),
                         0);
        assert_true(enters(g, "2001:db8::1", start, &pass));
        assert_int_equal(gate_register(g, &pass, start), 0);
        assert_true(enters(g, "2001:db8::2", start, &pass));
        assert_int_not_equal(gate_register(g, &pass, start), 0);
        assert_false(enters(g, "2001:db8::3", start, &pass));
        assert_true(enters(g, "2001:db8:0:1::1", start, &pass));
        assert_true(enters(g, "2001:db8::3", start + 31 * second, &pass));
        gate_free(g);
}

static void links_of_one_address_are_counted_while_they_last(void **state)
{
        struct gate *g;
        struct gate_pass one, two, three;

        assert_int_equal(gate_new(&(struct gate_settings){ .links_of_address = 2 }, &g), 0);
        assert_true(enters(g, "192.0.2.1", start, &one));
        gate_proven(g, &one);
        assert_true(enters(g, "192.0.2.1", start, &two));
        assert_false(enters(g, "192.0.2.1", start, &three));
        gate_leave(g, &one);
        assert_true(enters(g, "192.0.2.1", start, &three));
        gate_leave(g, &two);
        gate_leave(g, &three);
        assert_int_equal(gate_unproven(g), 0);
        gate_free(g);
}

static void nobody_gets_many_one_time_key_packages_of_one_other(void **state)
{
        struct gate *g;

        assert_int_equal(gate_new(&(struct gate_settings){ .claims_of_name_per_hour = 2 }, &g), 0);
        assert_true(gate_one_time(g, 1, BYTES_STRING("bob"), start));
        assert_true(gate_one_time(g, 1, BYTES_STRING("bob"), start));
        assert_false(gate_one_time(g, 1, BYTES_STRING("bob"), start));
        assert_true(gate_one_time(g, 1, BYTES_STRING("carol"), start));
        assert_true(gate_one_time(g, 2, BYTES_STRING("bob"), start));
        assert_true(gate_one_time(g, 1, BYTES_STRING("bob"), start + 1800 * second));
        gate_free(g);
}

static void bytes_of_chunks_count_for_the_account_and_for_the_address(void **state)
{
        struct gate_settings settings = { .chunk_rate = 1000, .chunk_rate_of_address = 1600 };
        struct gate_pass here, there;
        struct gate *g;

        assert_int_equal(gate_new(&settings, &g), 0);
        assert_true(enters(g, "192.0.2.1", start, &here));
        assert_true(enters(g, "192.0.2.2", start, &there));
        assert_int_equal(gate_chunk(g, &here, 1, 5000, start), 0);
        /* The account owes, wherever it comes from; and 9000 of the address are more than five seconds' 8000. */
        assert_int_equal(gate_chunk(g, &there, 1, 1000, start), second);
        assert_int_equal(gate_chunk(g, &here, 2, 4000, start), second * 1000 / 1600);
        assert_int_equal(gate_chunk(g, &there, 2, 1000, start), 0);
        settings.chunk_rate = 0;
        assert_int_equal(gate_configure(g, &settings), 0);
        assert_int_equal(gate_chunk(g, &there, 1, 1000, start), 0);
        assert_int_equal(gate_chunk(g, &here, 1, 0, start), second * 1000 / 1600); /* still owed */
        gate_free(g);
}

static void names_are_plain_and_not_the_hubs_own(void **state)
{
        static const char *const good[] = { "a", "alice", "a.b-c_d", "7", "hubert" };
        static const char *const bad[] = { "", "a.", "a-", "a..b", "a._b", "hub", "root" };

        for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++)
                assert_null(name_fault(BYTES_STRING(good[i]), "admin hub root"));
        for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                assert_non_null(name_fault(BYTES_STRING(bad[i]), "admin hub root"));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_rate_allows_a_burst_and_then_so_many_in_a_time),
                cmocka_unit_test(what_has_happened_anyhow_is_charged_and_has_to_be_waited_for),
                cmocka_unit_test(strangers_do_not_push_a_spent_rate_out_of_the_table),
                cmocka_unit_test(one_address_gets_a_share_of_the_places_for_strangers),
                cmocka_unit_test(a_network_of_64_bits_is_one_address),
                cmocka_unit_test(links_of_one_address_are_counted_while_they_last),
                cmocka_unit_test(nobody_gets_many_one_time_key_packages_of_one_other),
                cmocka_unit_test(bytes_of_chunks_count_for_the_account_and_for_the_address),
                cmocka_unit_test(names_are_plain_and_not_the_hubs_own),
        };

        return cmocka_run_group_tests_name("hub gate", tests, NULL, NULL);
}
