/* Recovery codes: BIP-39's encoding, and what people make of it with a pen. */
#include "tests/unit/services/cmocka_headers.h"

#include <errno.h>
#include <string.h>

#include "cryptod/vault/recovery_code.h"
#include "services/seal.h"

/* The pattern of BIP-39's own vectors, of which none has 160 bits: zero entropy is the first word fourteen times, and
 * the last holds the checksum: SHA-256 of 20 zero bytes begins with de, so 27: word 27 is "address". */
static void test_zero(void **state)
{
        _cleanup_secret_ struct secret *code = secret_new(RECOVERY_CODE_SIZE), *text = recovery_code_write(code);
        static const char expected[] = "abandon abandon abandon abandon abandon abandon abandon abandon abandon "
                                       "abandon abandon abandon abandon abandon address";

        assert_int_equal(text->size, strlen(expected));
        assert_memory_equal(text->data, expected, text->size);
}

static void test_list(void **state)
{
        static const uint8_t digest[] = { 0x2f, 0x5e, 0xed, 0x53, 0xa4, 0x72, 0x7b, 0x4b, 0xf8, 0x88, 0x0d,
                                          0x8f, 0x3f, 0x19, 0x9e, 0xfc, 0x90, 0xe5, 0x85, 0x03, 0x64, 0x6d,
                                          0x9f, 0xf8, 0xef, 0xf3, 0xa2, 0xed, 0x3b, 0x24, 0xdb, 0xda };
        _cleanup_writer_ struct writer w = WRITER_INIT;
        uint8_t hash[32];

        for (unsigned i = 0; i < RECOVERY_WORD_COUNT; i++) {
                write_fixed(&w, BYTES_STRING(recovery_words[i]));
                write_u8(&w, '\n');
        }
        sha256(writer_bytes(&w), hash);
        assert_memory_equal(hash, digest, sizeof(hash));
}

static void test_there_and_back(void **state)
{
        for (unsigned i = 0; i < 200; i++) {
                _cleanup_secret_ struct secret *code = secret_random(RECOVERY_CODE_SIZE);
                _cleanup_secret_ struct secret *text = recovery_code_write(code), *back = NULL;

                assert_int_equal(recovery_code_read(secret_bytes(text), &back), 0);
                assert_true(secret_equal(secret_bytes(code), secret_bytes(back)));
        }
}

static int read_text(const char *text)
{
        _cleanup_secret_ struct secret *code = NULL;

        return recovery_code_read(BYTES_STRING(text), &code);
}

static void test_as_people_type(void **state)
{
        assert_int_equal(read_text("  Aban ABANDON abandon abandon\tabandon abandon abandon abandon abandon abandon "
                                   "abandon\nabandon abandon abandon addr\n"),
                         0);
        assert_int_equal(read_text("abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
                                   "abandon abandon abandon abandon adult"),
                         -EBADMSG);
        assert_int_equal(read_text("abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
                                   "abandon abandon abandon abandon address abandon"),
                         -EBADMSG);
        assert_int_equal(read_text("abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
                                   "abandon abandon abandon abandon"),
                         -EBADMSG);
        assert_int_equal(read_text("aba abandon abandon abandon abandon abandon abandon abandon abandon abandon "
                                   "abandon abandon abandon abandon address"),
                         -EBADMSG);
        assert_int_equal(read_text("abandonabandon abandon abandon abandon abandon abandon abandon abandon abandon "
                                   "abandon abandon abandon abandon abandon address"),
                         -EBADMSG);
        assert_int_equal(read_text(""), -EBADMSG);
}

/* Two words changed for each other, or one for another: noticed 31 times out of 32. */
static void test_slips(void **state)
{
        unsigned noticed = 0, slips = 0;

        for (unsigned i = 0; i < 400; i++) {
                _cleanup_secret_ struct secret *code = secret_random(RECOVERY_CODE_SIZE);
                _cleanup_secret_ struct secret *text = recovery_code_write(code), *back = NULL;
                _cleanup_writer_ struct writer wrong = WRITER_INIT;
                uint8_t *space = memchr(text->data, ' ', text->size);
                uint8_t n[2];

                random_fill(n, sizeof(n));
                write_fixed(&wrong, BYTES_STRING(recovery_words[(n[0] << 8 | n[1]) % RECOVERY_WORD_COUNT]));
                write_fixed(&wrong, BYTES(space, text->size - (size_t) (space - text->data)));
                if (bytes_equal(writer_bytes(&wrong), secret_bytes(text)))
                        continue;
                slips++;
                noticed += recovery_code_read(writer_bytes(&wrong), &back) == -EBADMSG;
        }
        assert_true(noticed > slips * 9 / 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_zero),           cmocka_unit_test(test_list),
                cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_as_people_type),
                cmocka_unit_test(test_slips),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
