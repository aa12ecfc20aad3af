/* Encodings against RFC 4648 §10 and RFC 3629, and that a value has one spelling only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_headers.h"
#include "services/text.h"

/* RFC 4648 §10, without the padding. */
static const struct {
        const char *plain, *base64url, *hex;
} vectors[] = {
        { "", "", "" },
        { "f", "Zg", "66" },
        { "fo", "Zm8", "666f" },
        { "foo", "Zm9v", "666f6f" },
        { "foob", "Zm9vYg", "666f6f62" },
        { "fooba", "Zm9vYmE", "666f6f6261" },
        { "foobar", "Zm9vYmFy", "666f6f626172" },
};

static void vectors_of_rfc_4648(void **state)
{
        for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
                struct bytes plain = BYTES_STRING(vectors[i].plain);
                char *base64url = base64url_encode(plain), *hex = hex_encode(plain);
                uint8_t out[8];

                assert_string_equal(base64url, vectors[i].base64url);
                assert_string_equal(hex, vectors[i].hex);
                assert_int_equal(base64url_decode(base64url, out, plain.size), 0);
                assert_memory_equal(out, plain.data, plain.size);
                assert_int_equal(hex_decode(hex, out, plain.size), 0);
                assert_memory_equal(out, plain.data, plain.size);
                free(base64url);
                free(hex);
        }
}

static void the_url_alphabet_is_used(void **state)
{
        static const uint8_t plain[] = { 0xfb, 0xff, 0xfe };
        char *s = base64url_encode(BYTES_OF(plain));

        assert_string_equal(s, "-__-");
        free(s);
}

static void base64url_of_another_spelling_is_refused(void **state)
{
        static const char *const refused[] = { "Zg==", "Zh", "Z", "Zg ", "Z+", "Z/", "Zgg", "", "Z\n", "\xc3\xa9" };
        uint8_t out[8];

        for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
                assert_int_equal(base64url_decode(refused[i], out, 1), -EINVAL);
}

static void hex_of_another_spelling_is_refused(void **state)
{
        static const char *const refused[] = { "6", "666", "6G", "6F", " 6", "0x", "" };
        uint8_t out[8];

        for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
                assert_int_equal(hex_decode(refused[i], out, 1), -EINVAL);
}

static void utf8_by_rfc_3629(void **state)
{
        static const char *const valid[] = { "",
                                             "a",
                                             "\x7f",
                                             "\xc2\x80",
                                             "\xdf\xbf",
                                             "\xe0\xa0\x80",
                                             "\xed\x9f\xbf",
                                             "\xee\x80\x80",
                                             "\xef\xbf\xbf",
                                             "\xf0\x90\x80\x80",
                                             "\xf4\x8f\xbf\xbf",
                                             "vis-à-vis 👋" };
        static const char *const invalid[] = { "\x80",
                                               "\xbf",
                                               "\xc0\x80",
                                               "\xc1\xbf",
                                               "\xe0\x9f\xbf",
                                               "\xed\xa0\x80",
                                               "\xed\xbf\xbf",
                                               "\xf0\x8f\xbf\xbf",
                                               "\xf4\x90\x80\x80",
                                               "\xf5\x80\x80\x80",
                                               "\xff",
                                               "\xc3",
                                               "\xe2\x82",
                                               "\xf0\x9f\x91",
                                               "\xc3"
                                               "a",
                                               "a\xc3" };

        for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++)
                assert_true(utf8_valid(BYTES_STRING(valid[i])));
        for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++)
                assert_false(utf8_valid(BYTES_STRING(invalid[i])));
        assert_false(utf8_valid(BYTES("a\0b", 3)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(vectors_of_rfc_4648),
                cmocka_unit_test(the_url_alphabet_is_used),
                cmocka_unit_test(base64url_of_another_spelling_is_refused),
                cmocka_unit_test(hex_of_another_spelling_is_refused),
                cmocka_unit_test(utf8_by_rfc_3629),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
