/* What people try first is refused, whatever its length. */
#include "tests/unit/services/cmocka_headers.h"

#include <errno.h>

#include "cryptod/vault/factor_strength.h"

static int check(enum slot_kind kind, const char *text)
{
        _cleanup_secret_ struct secret *factor = secret_copy(BYTES_STRING(text));

        return factor_strength_check(kind, factor);
}

static void test_with_a_face(void **state)
{
        static const char *const weak[] = { "0000", "1111", "1234", "4321", "123456", "1987", "password", "qwerty" };
        static const char *const good[] = { "2580", "7391", "4711", "852036", "2718-alice" };

        for (unsigned i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
                assert_int_equal(check(SLOT_FACE_AND_FACTOR, weak[i]), -ERANGE);
        for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                assert_int_equal(check(SLOT_FACE_AND_FACTOR, good[i]), 0);
}

static void test_alone(void **state)
{
        static const char *const weak[] = { "7391",
                                            "2718-alice",
                                            "Tr0ub4dor&3",
                                            "passwordpasswordpassword",
                                            "abcdefghijklmnopqrstuvwxyz",
                                            "11111111111111111111111111111111" };

        for (unsigned i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
                assert_int_equal(check(SLOT_PASSPHRASE, weak[i]), -ERANGE);
        assert_int_equal(check(SLOT_PASSPHRASE, "tulip wagon orbit cream lantern"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_with_a_face), cmocka_unit_test(test_alone) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
