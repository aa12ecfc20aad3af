/* What a message says, as bytes: the example of docs/content.md, and what is not within its bounds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/content.h"
#include "services/cleanup.h"
#include "services/text.h"

static const uint8_t salt[CONTENT_SALT_SIZE] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const uint8_t target[CONTENT_ID_SIZE] = { 1, 7, 7, 7 };

enum { TIME = 1800000000000000 };

static int write_and_read(struct content c)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct content again;

        c.salt = BYTES_OF(salt);
        content_write(&w, &c);
        assert_int_equal(writer_finish(&w), 0);
        return content_read(writer_bytes(&w), &again);
}

static void the_example_has_its_bytes_and_its_id(void **state)
{
        static const uint8_t alice_key[32] = { [0 ... 31] = 0x0a }, bob_key[32] = { [0 ... 31] = 0x0b };
        const struct content hi = {
                .salt = BYTES_OF(salt), .time = TIME, .kind = CONTENT_TEXT, .text = BYTES_STRING("hi")
        };
        _cleanup_writer_ struct writer encoded = WRITER_INIT, conversation = WRITER_INIT;
        uint8_t alice[AUTHOR_SIZE], bob[AUTHOR_SIZE], id[CONTENT_ID_SIZE];

        content_write(&encoded, &hi);
        _cleanup_free_ char *hex = hex_encode(writer_bytes(&encoded));
        assert_string_equal(hex, "02000102030405060708090a0b0c0d0e0f00066517289880000000000000010500026869000000");
        content_author(BYTES_STRING("alice@hub.example.org:7843"), BYTES_OF(alice_key), alice);
        content_author(BYTES_STRING("bob@hub.example.org:7843"), BYTES_OF(bob_key), bob);
        assert_true(memcmp(alice, bob, sizeof(bob)) < 0);
        write_fixed(&conversation, BYTES_OF(alice));
        write_fixed(&conversation, BYTES_OF(bob));
        content_id(BYTES_OF(alice), writer_bytes(&conversation), writer_bytes(&encoded), hi.salt, id);
        _cleanup_free_ char *text = hex_encode(BYTES_OF(id));
        assert_string_equal(text, "013fb8d54a7c00678cc2e6267291345c620145ec4870969dca84dd37663371ed");
}

static void an_older_clients_text_is_read(void **state)
{
        static const uint8_t old[] = { 1, 1, 0, 0, 0, 0, 0, 0, 0, 9, 2, 'h', 'i' };
        struct content c;

        assert_int_equal(content_read(BYTES_OF(old), &c), 0);
        assert_true(c.version == 1 && c.kind == CONTENT_TEXT && c.time == 9 && bytes_equal(c.text, BYTES_STRING("hi")));
        assert_int_equal(content_read(BYTES(old, sizeof(old) - 1), &c), -EBADMSG);
}

static void each_kind_is_kept_within_its_bounds(void **state)
{
        _cleanup_writer_ struct writer emoji = WRITER_INIT, mention = WRITER_INIT, large = WRITER_INIT;
        const struct content good = { .kind = CONTENT_TEXT, .text = BYTES_STRING("hi @bob") };
        struct content c = good;

        assert_int_equal(write_and_read(c), 0);
        c.text = BYTES_STRING("");
        assert_int_equal(write_and_read(c), -EBADMSG);
        c.text = BYTES_STRING("\xff");
        assert_int_equal(write_and_read(c), -EBADMSG);
        c = good;
        c.lifetime = CONTENT_LIFETIME_MAX + 1;
        assert_int_equal(write_and_read(c), -EBADMSG);
        c = good;
        c.replies_to = BYTES(target, 31);
        assert_int_equal(write_and_read(c), -EBADMSG);
        write_mention(&mention, &(struct mention){ 3, 4, BYTES_STRING("bob@hub.example.org:7843") });
        c = good;
        c.mentions = writer_bytes(&mention);
        assert_int_equal(write_and_read(c), 0);
        c.text = BYTES_STRING("hi @bo");
        assert_int_equal(write_and_read(c), -EBADMSG);

        c = (struct content){ .kind = CONTENT_REACTION, .target = BYTES_OF(target) };
        assert_int_equal(write_and_read(c), 0);
        for (uint8_t i = 0; i <= CONTENT_REACTIONS_MAX; i++) {
                c.list = writer_bytes(&emoji);
                assert_int_equal(write_and_read(c), 0);
                write_vector(&emoji, BYTES((const uint8_t[]){ 'a' + i }, 1));
        }
        c.list = writer_bytes(&emoji);
        assert_int_equal(write_and_read(c), -EBADMSG);
        c.list = BYTES_STRING("\1x\1x"); /* twice the same */
        assert_int_equal(write_and_read(c), -EBADMSG);

        memset(writer_append(&large, (CONTENT_TARGETS_MAX + 1) * CONTENT_ID_SIZE), 1,
               (CONTENT_TARGETS_MAX + 1) * CONTENT_ID_SIZE);
        c = (struct content){ .kind = CONTENT_RECEIPT,
                              .receipt = RECEIPT_READ,
                              .list = BYTES(large.data, large.size - CONTENT_ID_SIZE) };
        assert_int_equal(write_and_read(c), 0);
        c.list = writer_bytes(&large);
        assert_int_equal(write_and_read(c), -EBADMSG);
        c.list = BYTES(target, 16);
        assert_int_equal(write_and_read(c), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_example_has_its_bytes_and_its_id),
                cmocka_unit_test(an_older_clients_text_is_read),
                cmocka_unit_test(each_kind_is_kept_within_its_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
