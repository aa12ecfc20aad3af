/* What two people compare. The expected values were computed by another program (Python's hashlib), from the
 * description in the header alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/safety_number.h"
#include "services/cleanup.h"

static uint8_t alices_key[32], bobs_key[97];
static struct safety_party alice, bob;

static int make(void **state)
{
        for (unsigned i = 0; i < sizeof(alices_key); i++)
                alices_key[i] = (uint8_t) i;
        for (unsigned i = 0; i < sizeof(bobs_key); i++)
                bobs_key[i] = (uint8_t) (100 + i);
        alice = (struct safety_party){ BYTES_OF(alices_key), BYTES_STRING("alice@hub.example.org:7843") };
        bob = (struct safety_party){ BYTES_OF(bobs_key), BYTES_STRING("bob@hub.example.org:7843") };
        return 0;
}

static void both_see_the_same_digits(void **state)
{
        char ours[SAFETY_NUMBER_DIGITS + 1], theirs[SAFETY_NUMBER_DIGITS + 1];

        safety_number(&alice, &bob, ours);
        safety_number(&bob, &alice, theirs);
        assert_string_equal(ours, "179668671934998894691647427437966097982934795447855413482229");
        assert_string_equal(theirs, ours);
}

static void the_digits_are_of_key_and_address(void **state)
{
        char before[SAFETY_NUMBER_DIGITS + 1], after[SAFETY_NUMBER_DIGITS + 1];

        safety_number(&alice, &bob, before);
        bobs_key[96] ^= 1;
        safety_number(&alice, &bob, after);
        bobs_key[96] ^= 1;
        assert_string_not_equal(before, after);
        bob.address = BYTES_STRING("rob@hub.example.org:7843");
        safety_number(&alice, &bob, after);
        assert_string_not_equal(before, after);
}

static void a_code_is_right_for_the_one_who_scans_it(void **state)
{
        _cleanup_free_ char *code = safety_code(&alice, &bob);
        uint8_t carols_key[32] = { 7 };
        const struct safety_party carol = { BYTES_OF(carols_key), BYTES_STRING("carol@hub.example.org:7843") };

        assert_string_equal(code,
                            "visavis-safety:1:"
                            "AI0PZgEiQLxx9VViNJqru1s_E5ECkO4LNgFRFkjVFDTyXO__TnGPiGtfzoSTspYQ-cAL3acCUsH6zv5cVw3N-w");
        assert_int_equal(safety_code_compare(code, &bob, &alice), 0);
        assert_int_equal(safety_code_compare(code, &alice, &bob), -EKEYREJECTED); /* one's own screen */
        assert_int_equal(safety_code_compare(code, &bob, &carol), -EKEYREJECTED);
        assert_int_equal(safety_code_compare(code, &carol, &alice), -EKEYREJECTED);
}

static void what_is_no_code_is_refused(void **state)
{
        _cleanup_free_ char *code = safety_code(&alice, &bob);
        char changed[256];

        (void) snprintf(changed, sizeof(changed), "%sA", code);
        assert_int_equal(safety_code_compare(changed, &bob, &alice), -EINVAL);
        (void) snprintf(changed, sizeof(changed), "%.*s", (int) strlen(code) - 1, code);
        assert_int_equal(safety_code_compare(changed, &bob, &alice), -EINVAL);
        assert_int_equal(safety_code_compare("", &bob, &alice), -EINVAL);
        assert_int_equal(safety_code_compare("https://example.org", &bob, &alice), -EINVAL);
        assert_int_equal(safety_code_compare("visavis-safety:2:AI0P", &bob, &alice), -EPROTONOSUPPORT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(both_see_the_same_digits, make),
                cmocka_unit_test_setup(the_digits_are_of_key_and_address, make),
                cmocka_unit_test_setup(a_code_is_right_for_the_one_who_scans_it, make),
                cmocka_unit_test_setup(what_is_no_code_is_refused, make),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
