/* A ticket is good once, for thirty seconds, and only for those for whom it was issued. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../services/cmocka_headers.h"

#include "authd/tickets.h"

#define ACCOUNT "0123456789abcdef0123456789abcdef"

static const uint64_t NOW = 1000 * 1000000ULL;

static struct tickets *tickets;
static uint8_t ticket[TICKET_SIZE];

static int setup(void **state)
{
        tickets = tickets_new();
        return tickets_issue(tickets, ACCOUNT, 1000, ":1.7", NULL, NOW, ticket);
}

static int teardown(void **state)
{
        tickets = tickets_free(tickets);
        return 0;
}

static int redeem(const char *account, uid_t uid, const char *caller, uint64_t now)
{
        struct enrolment *enrolment = NULL;
        int r = tickets_redeem(tickets, BYTES_OF(ticket), account, uid, caller, now, &enrolment);

        assert_null(enrolment);
        return r;
}

static void it_is_good_once(void **state)
{
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW + 1), 0);
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW + 1), -ENOENT);
}

static void it_is_for_one_caller_user_and_account_and_used_up_by_others(void **state)
{
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.8", NOW), -ENOENT);
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW), -ENOENT);
        assert_int_equal(tickets_issue(tickets, ACCOUNT, 1000, ":1.7", NULL, NOW, ticket), 0);
        assert_int_equal(redeem(ACCOUNT, 1001, ":1.7", NOW), -ENOENT);
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW), -ENOENT);
        assert_int_equal(tickets_issue(tickets, ACCOUNT, 1000, ":1.7", NULL, NOW, ticket), 0);
        assert_int_equal(redeem("f123456789abcdef0123456789abcdef", 1000, ":1.7", NOW), -ENOENT);
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW), -ENOENT);
}

static void it_expires_after_thirty_seconds(void **state)
{
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW + 30 * 1000000 - 1), 0);
        assert_int_equal(tickets_issue(tickets, ACCOUNT, 1000, ":1.7", NULL, NOW, ticket), 0);
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW + 30 * 1000000), -ENOENT);
        assert_int_equal(tickets_count(tickets), 0);
}

static void a_clock_that_goes_back_makes_it_no_better(void **state)
{
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW - 1), -ENOENT);
}

static void nothing_else_is_a_ticket(void **state)
{
        struct enrolment *enrolment;

        assert_int_equal(
                tickets_redeem(tickets, BYTES(ticket, TICKET_SIZE - 1), ACCOUNT, 1000, ":1.7", NOW, &enrolment),
                -ENOENT);
        assert_int_equal(tickets_redeem(tickets, BYTES(NULL, 0), ACCOUNT, 1000, ":1.7", NOW, &enrolment), -ENOENT);
        ticket[31] ^= 1;
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW), -ENOENT);
        ticket[31] ^= 1;
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW), 0);
}

static void it_goes_with_its_caller(void **state)
{
        uint8_t other[TICKET_SIZE];
        struct enrolment *enrolment = NULL;

        assert_int_equal(tickets_issue(tickets, ACCOUNT, 1000, ":1.8", NULL, NOW, other), 0);
        tickets_drop_caller(tickets, ":1.7");
        assert_int_equal(redeem(ACCOUNT, 1000, ":1.7", NOW), -ENOENT);
        assert_int_equal(tickets_redeem(tickets, BYTES_OF(other), ACCOUNT, 1000, ":1.8", NOW, &enrolment), 0);
}

static void it_carries_an_enrolment(void **state)
{
        struct enrolment *e = calloc(1, sizeof(*e)), *back = NULL;

        assert_non_null(e);
        e->face_secret = secret_new(32);
        assert_int_equal(tickets_issue(tickets, ACCOUNT, 1000, ":1.7", e, NOW, ticket), 0);
        assert_int_equal(tickets_redeem(tickets, BYTES_OF(ticket), ACCOUNT, 1000, ":1.7", NOW, &back), 0);
        assert_ptr_equal(back, e);
        enrolment_free(back);
}

static void there_are_not_more_than_there_may_be(void **state)
{
        for (unsigned i = 1; i < TICKETS_MAX; i++)
                assert_int_equal(tickets_issue(tickets, ACCOUNT, 1000, ":1.7", NULL, NOW, ticket), 0);
        assert_int_equal(tickets_issue(tickets, ACCOUNT, 1000, ":1.7", NULL, NOW, ticket), -ENOSPC);
        assert_int_equal(tickets_issue(tickets, ACCOUNT, 1000, ":1.7", NULL, NOW + TICKET_LIFETIME_USEC, ticket), 0);
        assert_int_equal(tickets_count(tickets), 1);
}

#define ticket_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                ticket_test(it_is_good_once),
                ticket_test(it_is_for_one_caller_user_and_account_and_used_up_by_others),
                ticket_test(it_expires_after_thirty_seconds),
                ticket_test(a_clock_that_goes_back_makes_it_no_better),
                ticket_test(nothing_else_is_a_ticket),
                ticket_test(it_goes_with_its_caller),
                ticket_test(it_carries_an_enrolment),
                ticket_test(there_are_not_more_than_there_may_be),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
