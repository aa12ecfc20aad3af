/* What older chat tools wrote, NIST's vectors for the ciphers beneath it and beneath sealed files, and padding. */
#include "tests/unit/services/cmocka_headers.h"

#include <errno.h>
#include <string.h>

#include "cryptod/files/aes_cbc.h"
#include "cryptod/files/aes_gcm.h"
#include "cryptod/files/legacy_envelope.h"
#include "cryptod/files/pkcs7.h"
#include "services/cleanup.h"
#include "services/text.h"
#include "tests/unit/cryptod/cavp_vectors.h"

static void write_hex(struct writer *w, const char *hex)
{
        size_t size = strlen(hex) / 2;

        if (size > 0)
                assert_int_equal(hex_decode(hex, writer_append(w, size), size), 0);
}

static void test_cbc_vectors(void **state)
{
        for (size_t i = 0; i < COUNT_OF(cavp_cbc); i++) {
                _cleanup_writer_ struct writer key = WRITER_INIT, iv = WRITER_INIT, plain = WRITER_INIT,
                                               cipher = WRITER_INIT, out = WRITER_INIT;
                write_hex(&key, cavp_cbc[i].key);
                write_hex(&iv, cavp_cbc[i].iv);
                write_hex(&plain, cavp_cbc[i].plain);
                write_hex(&cipher, cavp_cbc[i].cipher);
                _cleanup_secret_ struct secret *k = secret_copy(writer_bytes(&key));

                aes_cbc(k, true, writer_bytes(&iv), writer_bytes(&plain), writer_append(&out, plain.size));
                assert_true(bytes_equal(writer_bytes(&out), writer_bytes(&cipher)));
                aes_cbc(k, false, writer_bytes(&iv), writer_bytes(&cipher), out.data);
                assert_true(bytes_equal(writer_bytes(&out), writer_bytes(&plain)));
        }
}

static void test_gcm_vectors(void **state)
{
        for (size_t i = 0; i < COUNT_OF(cavp_gcm); i++) {
                _cleanup_writer_ struct writer key = WRITER_INIT, iv = WRITER_INIT, plain = WRITER_INIT,
                                               sealed = WRITER_INIT, out = WRITER_INIT;
                write_hex(&key, cavp_gcm[i].key);
                write_hex(&iv, cavp_gcm[i].iv);
                write_hex(&plain, cavp_gcm[i].plain);
                write_hex(&sealed, cavp_gcm[i].cipher);
                write_hex(&sealed, cavp_gcm[i].tag);
                assert_int_equal(iv.size, AES_GCM_NONCE_SIZE);
                struct aes_gcm *seals = aes_gcm_new(writer_bytes(&key), true);
                struct aes_gcm *opens = aes_gcm_new(writer_bytes(&key), false);

                aes_gcm_seal(seals, iv.data, writer_bytes(&plain), writer_append(&out, sealed.size));
                assert_true(bytes_equal(writer_bytes(&out), writer_bytes(&sealed)));
                assert_true(aes_gcm_open(opens, iv.data, writer_bytes(&sealed), out.data));
                assert_true(bytes_equal(BYTES(out.data, plain.size), writer_bytes(&plain)));
                sealed.data[sealed.size - 1] ^= 1;
                assert_false(aes_gcm_open(opens, iv.data, writer_bytes(&sealed), out.data));
                aes_gcm_free(seals);
                aes_gcm_free(opens);
        }
}

/* Each size, and each way in which one byte of a padding can be wrong. */
static void test_padding(void **state)
{
        for (size_t size = 0; size <= 2 * PKCS7_BLOCK_SIZE; size++) {
                _cleanup_writer_ struct writer w = WRITER_INIT;
                uint32_t good = 0;

                for (size_t i = 0; i < size; i++)
                        write_u8(&w, 1);
                pkcs7_pad(size, &w);
                assert_true(w.size % PKCS7_BLOCK_SIZE == 0 && w.size > size && w.size <= size + PKCS7_BLOCK_SIZE);
                assert_int_equal(pkcs7_unpad(writer_bytes(&w), &good), size);
                assert_int_equal(good, 1);
                for (size_t at = size; at + 1 < w.size; at++) {
                        w.data[at] ^= 0x80;
                        assert_int_equal(pkcs7_unpad(writer_bytes(&w), &good), w.size);
                        assert_int_equal(good, 0);
                        w.data[at] ^= 0x80;
                }
        }
        for (unsigned last = 0; last < 256; last++) {
                uint8_t block[PKCS7_BLOCK_SIZE];
                uint32_t good;

                memset(block, (int) last, sizeof(block));
                assert_int_equal(pkcs7_unpad(BYTES_OF(block), &good),
                                 last >= 1 && last <= sizeof(block) ? sizeof(block) - last : sizeof(block));
                assert_int_equal(good, last >= 1 && last <= sizeof(block));
        }
}

static struct secret *passphrase(void)
{
        return secret_copy(BYTES_STRING("correct horse"));
}

static int read_envelope(struct bytes text, struct writer *out, bool *authenticated)
{
        _cleanup_secret_ struct secret *p = passphrase();

        return legacy_envelope_read(p, text, out, authenticated);
}

/* openssl enc -aes-256-cbc -K $(printf 'correct horse' | sha256sum) -iv 000102…0f, the IV put in front. */
#define OLD "AAECAwQFBgcICQoLDA0OD2/kQ7qEkom2rIdN+Na+zJCrZHHta0kaZ6GReE2jwadCMAHqFp7iGho6VEIpSlvdwg=="

static void test_an_old_one(void **state)
{
        static const char *const spellings[] = { OLD, " " OLD "\r\n", OLD "\n\n" };

        for (size_t i = 0; i < COUNT_OF(spellings); i++) {
                _cleanup_writer_ struct writer out = WRITER_INIT;
                bool authenticated = true;

                assert_int_equal(read_envelope(BYTES_STRING(spellings[i]), &out, &authenticated), 0);
                assert_false(authenticated);
                assert_true(bytes_equal(writer_bytes(&out), BYTES_STRING("attack at dawn, or somewhat later")));
        }
}

/* What is written begins with what an older tool would have written, and the MAC is the one of the header's formula. */
static void test_what_is_written(void **state)
{
        static const uint8_t iv[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
        _cleanup_secret_ struct secret *p = passphrase();
        _cleanup_writer_ struct writer text = WRITER_INIT;

        assert_int_equal(
                legacy_envelope_write_fixed(p, BYTES_OF(iv), BYTES_STRING("attack at dawn, or somewhat later"), &text),
                0);
        assert_true(
                bytes_equal(writer_bytes(&text), BYTES_STRING(OLD ".OhNt8MqFTRIt4FO/CAxBssVnfWvHpNla4E3Z++X2WlI=")));
}

static void test_there_and_back(void **state)
{
        for (size_t size = 0; size < 70; size++) {
                _cleanup_secret_ struct secret *p = passphrase();
                _cleanup_writer_ struct writer plain = WRITER_INIT, text = WRITER_INIT, out = WRITER_INIT;
                bool authenticated = false;

                for (size_t i = 0; i < size; i++)
                        write_u8(&plain, (uint8_t) (i * 37));
                assert_int_equal(legacy_envelope_write(p, writer_bytes(&plain), &text), 0);
                assert_int_equal(read_envelope(writer_bytes(&text), &out, &authenticated), 0);
                assert_true(authenticated && bytes_equal(writer_bytes(&plain), writer_bytes(&out)));
        }
}

/* With a MAC no change passes; without one, only what is no envelope is noticed. */
static void test_changes(void **state)
{
        _cleanup_secret_ struct secret *p = passphrase(), *wrong = secret_copy(BYTES_STRING("battery staple"));
        _cleanup_writer_ struct writer text = WRITER_INIT, out = WRITER_INIT;
        bool authenticated;

        assert_int_equal(legacy_envelope_write(p, BYTES_STRING("attack at dawn"), &text), 0);
        for (size_t i = 0; i < text.size; i++) {
                uint8_t was = text.data[i];
                int r;

                text.data[i] = was == 'A' ? 'B' : 'A';
                r = read_envelope(writer_bytes(&text), &out, &authenticated);
                assert_true(r == -EKEYREJECTED || r == -EBADMSG);
                text.data[i] = was;
        }
        assert_int_equal(legacy_envelope_read(wrong, writer_bytes(&text), &out, &authenticated), -EKEYREJECTED);
        assert_int_equal(out.size, 0);
        static const char *const none[] = { "",      "AAAA",    OLD "=",  OLD ".", OLD ".AAAA",
                                            "=" OLD, OLD ".=.", "Hello!", "A===" };
        for (size_t i = 0; i < COUNT_OF(none); i++)
                assert_int_equal(read_envelope(BYTES_STRING(none[i]), &out, &authenticated), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cbc_vectors),     cmocka_unit_test(test_gcm_vectors),
                cmocka_unit_test(test_padding),         cmocka_unit_test(test_an_old_one),
                cmocka_unit_test(test_what_is_written), cmocka_unit_test(test_there_and_back),
                cmocka_unit_test(test_changes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
