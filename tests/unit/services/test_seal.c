/* Sealing, derivation and hashing against vectors, and what becomes of a sealed value that was touched. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/text.h"
#include "stderr_capture.h"

static void expect_hex(struct bytes b, const char *wanted)
{
        _cleanup_free_ char *hex = hex_encode(b);

        assert_string_equal(hex, wanted);
}

/* NIST's examples for FIPS 180-4 (csrc.nist.gov, SHA256.pdf) and the empty message of CAVP's SHA256ShortMsg. */
static void sha256_vectors(void **state)
{
        uint8_t out[32];

        sha256(BYTES_STRING("abc"), out);
        expect_hex(BYTES_OF(out), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        sha256(BYTES_STRING("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), out);
        expect_hex(BYTES_OF(out), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        sha256((struct bytes){ NULL, 0 }, out);
        expect_hex(BYTES_OF(out), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 5869's appendix has vectors for SHA-256 and SHA-1 only. These are the inputs of its test cases 1 to 3, and the
 * outputs were computed apart from OpenSSL, from the definition in RFC 5869 §2 over the hmac and hashlib modules of
 * Python. */
/* The first bytes for the empty input: FIPS 202's own example (SHAKE256_Msg0). */
static void shake256_of_nothing(void **state)
{
        static const uint8_t expected[] = { 0x46, 0xb9, 0xdd, 0x2b, 0x0b, 0xa8, 0x8d, 0x13,
                                            0x23, 0x3b, 0x3f, 0xeb, 0x74, 0x3e, 0xeb, 0x24 };
        _cleanup_secret_ struct secret *s = shake256(BYTES(NULL, 0), 1000);

        assert_int_equal(s->size, 1000);
        assert_memory_equal(s->data, expected, sizeof(expected));
}

static void hkdf_sha512_with_the_inputs_of_rfc_5869(void **state)
{
        uint8_t ikm[80], salt[80], info[80];

        memset(ikm, 0x0b, 22);
        for (uint8_t i = 0; i < 80; i++) {
                salt[i] = i;
                info[i] = (uint8_t) (0xf0 + i);
        }
        _cleanup_secret_ struct secret *first = hkdf_sha512(BYTES(ikm, 22), BYTES(salt, 13), BYTES(info, 10), 42);
        expect_hex(secret_bytes(first),
                   "832390086cda71fb47625bb5ceb168e4c8e26a1a16ed34d9fc7fe92c1481579338da362cb8d9f925d7cb");

        _cleanup_secret_ struct secret *third =
                hkdf_sha512(BYTES(ikm, 22), (struct bytes){ NULL, 0 }, (struct bytes){ NULL, 0 }, 42);
        expect_hex(secret_bytes(third),
                   "f5fa02b18298a72a8c23898a8703472c6eb179dc204c03425c970e3b164bf90fff22d04836d0e2343bac");

        for (uint8_t i = 0; i < 80; i++) {
                ikm[i] = i;
                salt[i] = (uint8_t) (0x60 + i);
                info[i] = (uint8_t) (0xb0 + i);
        }
        _cleanup_secret_ struct secret *second = hkdf_sha512(BYTES_OF(ikm), BYTES_OF(salt), BYTES_OF(info), 82);
        expect_hex(secret_bytes(second),
                   "ce6c97192805b346e6161e821ed165673b84f400a2b514b2fe23d84cd189ddf1b695b48cbd1c8388441137b3ce28f16a"
                   "a64ba33ba466b24df6cfcb021ecff235f6a2056ce3af1de44d572097a8505d9e7a93");
}

static void hkdf_gives_up_to_255_blocks(void **state)
{
        _cleanup_secret_ struct secret *longest =
                hkdf_sha512(BYTES_STRING("key"), BYTES_STRING("salt"), BYTES_STRING("info"), 255 * 64);
        _cleanup_secret_ struct secret *shorter =
                hkdf_sha512(BYTES_STRING("key"), BYTES_STRING("salt"), BYTES_STRING("info"), 100);

        assert_int_equal(longest->size, 255 * 64);
        assert_memory_equal(longest->data, shorter->data, 100);
}

static void sealed_values_open_again(void **state)
{
        static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, SECRET_SIZE_MAX };
        _cleanup_secret_ struct secret *key = secret_random(SEAL_KEY_SIZE);

        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                _cleanup_secret_ struct secret *plain = secret_random(sizes[i]), *back = NULL;
                _cleanup_writer_ struct writer w = WRITER_INIT;

                assert_int_equal(seal(key, BYTES_STRING("table:1"), secret_bytes(plain), &w), 0);
                assert_int_equal(w.size, sizes[i] + SEAL_OVERHEAD);
                assert_int_equal(unseal(key, BYTES_STRING("table:1"), writer_bytes(&w), &back), 0);
                assert_true(secret_equal(secret_bytes(plain), secret_bytes(back)));
        }
}

/* 01 ‖ nonce ‖ AESGCM(42…42).encrypt(nonce, "hello", 01 ‖ "row") of Python's cryptography: the form on disk must not
 * change. */
static void the_form_on_disk_is_version_nonce_ciphertext_tag(void **state)
{
        _cleanup_secret_ struct secret *key = secret_new(SEAL_KEY_SIZE), *plain = NULL;
        uint8_t sealed[SEAL_OVERHEAD + 5];

        memset(key->data, 0x42, key->size);
        assert_int_equal(hex_decode("01000102030405060708090a0b6dbbfdb1de2af7ece6556c9348423919c101262f59", sealed,
                                    sizeof(sealed)),
                         0);
        assert_int_equal(unseal(key, BYTES_STRING("row"), BYTES_OF(sealed), &plain), 0);
        assert_true(bytes_equal(secret_bytes(plain), BYTES_STRING("hello")));
}

static void a_change_of_any_bit_is_noticed(void **state)
{
        _cleanup_secret_ struct secret *key = secret_random(SEAL_KEY_SIZE);
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct secret *back = NULL;

        assert_int_equal(seal(key, BYTES_STRING("row"), BYTES_STRING("some plain text"), &w), 0);
        for (size_t bit = 0; bit < w.size * 8; bit++) {
                w.data[bit / 8] ^= (uint8_t) (1 << bit % 8);
                assert_int_equal(unseal(key, BYTES_STRING("row"), writer_bytes(&w), &back), -EBADMSG);
                w.data[bit / 8] ^= (uint8_t) (1 << bit % 8);
        }
        for (size_t size = 0; size < w.size; size++)
                assert_int_equal(unseal(key, BYTES_STRING("row"), BYTES(w.data, size), &back), -EBADMSG);
        assert_null(back);
        assert_int_equal(unseal(key, BYTES_STRING("row"), writer_bytes(&w), &back), 0);
        secret_free(back);
}

static void another_key_or_place_does_not_open(void **state)
{
        _cleanup_secret_ struct secret *key = secret_random(SEAL_KEY_SIZE), *other = secret_random(SEAL_KEY_SIZE);
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct secret *back = NULL;

        assert_int_equal(seal(key, BYTES_STRING("row"), BYTES_STRING("text"), &w), 0);
        assert_int_equal(unseal(other, BYTES_STRING("row"), writer_bytes(&w), &back), -EBADMSG);
        assert_int_equal(unseal(key, BYTES_STRING("roW"), writer_bytes(&w), &back), -EBADMSG);
        assert_int_equal(unseal(key, BYTES_STRING(""), writer_bytes(&w), &back), -EBADMSG);
        assert_null(back);
}

static void the_same_text_is_never_sealed_the_same(void **state)
{
        _cleanup_secret_ struct secret *key = secret_random(SEAL_KEY_SIZE);
        _cleanup_writer_ struct writer a = WRITER_INIT, b = WRITER_INIT;

        assert_int_equal(seal(key, BYTES_STRING("row"), BYTES_STRING("text"), &a), 0);
        assert_int_equal(seal(key, BYTES_STRING("row"), BYTES_STRING("text"), &b), 0);
        assert_false(bytes_equal(writer_bytes(&a), writer_bytes(&b)));
}

static void a_host_key_is_made_once_and_kept(void **state)
{
        _cleanup_free_ char *path = scratch_path("host.key");
        _cleanup_secret_ struct secret *first = NULL, *second = NULL;
        struct stat st;

        unsetenv("CREDENTIALS_DIRECTORY");
        assert_int_equal(host_key_open(path, "host.key", &first), 0);
        assert_int_equal(host_key_open(path, NULL, &second), 0);
        assert_int_equal(first->size, SEAL_KEY_SIZE);
        assert_true(secret_equal(secret_bytes(first), secret_bytes(second)));
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_credential_takes_the_place_of_the_host_key(void **state)
{
        _cleanup_free_ char *path = scratch_path("host.key");
        _cleanup_secret_ struct secret *key = NULL;

        scratch_write("credential", "0123456789abcdef0123456789abcdef", 32);
        setenv("CREDENTIALS_DIRECTORY", scratch, 1);
        assert_int_equal(host_key_open(path, "credential", &key), 0);
        unsetenv("CREDENTIALS_DIRECTORY");
        assert_memory_equal(key->data, "0123456789abcdef0123456789abcdef", 32);
        assert_int_equal(access(path, F_OK), -1);
}

static void a_damaged_host_key_is_refused_and_kept(void **state)
{
        _cleanup_free_ char *path = scratch_path("host.key");
        struct secret *key = NULL;
        struct capture c;
        struct stat st;

        scratch_write("host.key", "short", 5);
        capture_begin(&c);
        int r = host_key_open(path, NULL, &key);
        capture_end(&c);
        assert_int_equal(r, -EBADMSG);
        assert_null(key);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, 5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sha256_vectors),
                cmocka_unit_test(shake256_of_nothing),
                cmocka_unit_test(hkdf_sha512_with_the_inputs_of_rfc_5869),
                cmocka_unit_test(hkdf_gives_up_to_255_blocks),
                cmocka_unit_test(sealed_values_open_again),
                cmocka_unit_test(the_form_on_disk_is_version_nonce_ciphertext_tag),
                cmocka_unit_test(a_change_of_any_bit_is_noticed),
                cmocka_unit_test(another_key_or_place_does_not_open),
                cmocka_unit_test(the_same_text_is_never_sealed_the_same),
                scratch_test(a_host_key_is_made_once_and_kept),
                scratch_test(a_credential_takes_the_place_of_the_host_key),
                scratch_test(a_damaged_host_key_is_refused_and_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
