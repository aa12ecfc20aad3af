/* A slot opens for both factors together, for its own account, unchanged; and for nothing else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <argon2.h>
#include <cmocka.h>
#include <openssl/hmac.h>

#include "cryptod/vault/slot.h"
#include "services/seal.h"

/* Cheap: these tests are about what opens, not about what it costs. */
static const struct argon2_parameters cheap = { ARGON2_MEMORY_MIN, 1, 1 };

struct fixture {
        struct secret *face_secret, *factor, *vault_key;
        struct writer slot;
};

static int make(void **state)
{
        static struct fixture f;

        f = (struct fixture){ secret_random(FACE_SECRET_SIZE), secret_copy(BYTES_STRING("2580")),
                              secret_random(VAULT_KEY_SIZE), WRITER_INIT };
        *state = &f;
        return slot_make(SLOT_FACE_AND_FACTOR, BYTES_STRING("account"), BYTES_STRING("laptop"), 1, &cheap,
                         f.face_secret, f.factor, f.vault_key, &f.slot);
}

static int release(void **state)
{
        struct fixture *f = *state;

        secret_free(f->face_secret);
        secret_free(f->factor);
        secret_free(f->vault_key);
        writer_release(&f->slot);
        return 0;
}

static struct slot read_slot(const struct fixture *f)
{
        struct reader r;
        struct slot s;

        reader_init(&r, writer_bytes(&f->slot));
        assert_int_equal(slot_read(&r, &s), 0);
        assert_int_equal(reader_finish(&r), 0);
        return s;
}

static void both_factors_open_it(void **state)
{
        struct fixture *f = *state;
        struct slot s = read_slot(f);
        _cleanup_secret_ struct secret *key = NULL;

        assert_int_equal(slot_open(&s, BYTES_STRING("account"), f->face_secret, f->factor, &key), 0);
        assert_true(secret_equal(secret_bytes(key), secret_bytes(f->vault_key)));
        assert_true(bytes_equal(s.label, BYTES_STRING("laptop")));
        assert_int_equal(s.created, 1);
}

static void one_factor_or_another_account_does_not(void **state)
{
        struct fixture *f = *state;
        struct slot s = read_slot(f);
        _cleanup_secret_ struct secret *key = NULL, *face = secret_random(FACE_SECRET_SIZE),
                                       *factor = secret_copy(BYTES_STRING("2581"));

        assert_int_equal(slot_open(&s, BYTES_STRING("account"), face, f->factor, &key), -EKEYREJECTED);
        assert_int_equal(slot_open(&s, BYTES_STRING("account"), f->face_secret, factor, &key), -EKEYREJECTED);
        assert_int_equal(slot_open(&s, BYTES_STRING("accounts"), f->face_secret, f->factor, &key), -EKEYREJECTED);
        assert_null(key);
}

static void any_changed_bit_keeps_it_shut(void **state)
{
        struct fixture *f = *state;

        for (size_t i = 0; i < f->slot.size; i++) {
                _cleanup_secret_ struct secret *key = NULL;
                struct reader r;
                struct slot s;
                int result;

                f->slot.data[i] ^= 0x01;
                reader_init(&r, writer_bytes(&f->slot));
                result = slot_read(&r, &s);
                if (result == 0)
                        result = slot_open(&s, BYTES_STRING("account"), f->face_secret, f->factor, &key);
                assert_true(result < 0);
                assert_null(key);
                f->slot.data[i] ^= 0x01;
        }
}

static void costs_out_of_bounds_are_refused(void **state)
{
        struct fixture *f = *state;
        const struct argon2_parameters bad[] = {
                { ARGON2_MEMORY_MIN - 1, 1, 1 }, { ARGON2_MEMORY_MAX + 1, 1, 1 },
                { ARGON2_MEMORY_MIN, 0, 1 },     { ARGON2_MEMORY_MIN, ARGON2_PASSES_MAX + 1, 1 },
                { ARGON2_MEMORY_MIN, 1, 0 },     { ARGON2_MEMORY_MIN, 1, ARGON2_LANES_MAX + 1 },
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                _cleanup_writer_ struct writer out = WRITER_INIT;

                assert_int_equal(slot_make(SLOT_FACE_AND_FACTOR, BYTES_STRING("account"), BYTES_STRING(""), 1, &bad[i],
                                           f->face_secret, f->factor, f->vault_key, &out),
                                 -EINVAL);
        }
}

static void a_factor_that_is_too_short_is_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_secret_ struct secret *factor = secret_copy(BYTES_STRING("258"));
        _cleanup_writer_ struct writer out = WRITER_INIT;

        assert_int_equal(slot_make(SLOT_FACE_AND_FACTOR, BYTES_STRING("account"), BYTES_STRING(""), 1, &cheap,
                                   f->face_secret, factor, f->vault_key, &out),
                         -EINVAL);
}

/* The formula of the header, composed anew: libargon2's one-call interface, then HKDF as two HMACs (RFC 5869). */
static void the_key_is_what_the_header_says(void **state)
{
        static const uint8_t salt[KEY_DERIVATION_SALT_SIZE] = { 1, 2, 3 };
        static const char info[] = "visavis vault KEK v1account\x01";
        _cleanup_secret_ struct secret *face = secret_random(FACE_SECRET_SIZE),
                                       *factor = secret_copy(BYTES_STRING("2580")), *kek = NULL;
        uint8_t ikm[FACE_SECRET_SIZE + 32], prk[64], okm[64];

        memcpy(ikm, face->data, FACE_SECRET_SIZE);
        assert_int_equal(argon2id_hash_raw(cheap.passes, cheap.memory, cheap.lanes, "2580", 4, salt, sizeof(salt),
                                           ikm + FACE_SECRET_SIZE, 32),
                         ARGON2_OK);
        HMAC(EVP_sha512(), salt, sizeof(salt), ikm, sizeof(ikm), prk, NULL);
        HMAC(EVP_sha512(), prk, sizeof(prk), (const uint8_t *) info, sizeof(info) - 1, okm, NULL);

        assert_int_equal(key_derivation(face, factor, BYTES_OF(salt), BYTES_STRING("account"), &cheap, &kek), 0);
        assert_true(bytes_equal(secret_bytes(kek), BYTES(okm, KEY_DERIVATION_KEY_SIZE)));
}

static void calibration_stays_within_the_bounds(void **state)
{
        struct argon2_parameters p;

        argon2_calibrate(1, &p);
        assert_int_equal(argon2_parameters_check(&p), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(both_factors_open_it, make, release),
                cmocka_unit_test_setup_teardown(one_factor_or_another_account_does_not, make, release),
                cmocka_unit_test_setup_teardown(any_changed_bit_keeps_it_shut, make, release),
                cmocka_unit_test_setup_teardown(costs_out_of_bounds_are_refused, make, release),
                cmocka_unit_test_setup_teardown(a_factor_that_is_too_short_is_refused, make, release),
                cmocka_unit_test(the_key_is_what_the_header_says),
                cmocka_unit_test(calibration_stays_within_the_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
