/* Searching in what messages say. */
#include "tests/unit/services/cmocka_headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/text_index.h"
#include "services/cleanup.h"

static const uint8_t first[16] = { 1 }, second[16] = { 2 };

static void expect(const struct text_index *x, const char *words, const uint8_t *conversation, uint64_t before,
                   size_t limit, const char *expected)
{
        struct text_query q;
        struct text_match found[16];
        char text[256] = "";

        assert_int_equal(text_query_read(BYTES_STRING(words), &q), 0);
        for (size_t i = 0, n = text_index_search(x, &q, conversation, before, limit, found); i < n; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u ", (unsigned) found[i].message);
        assert_string_equal(text, expected);
}

static struct text_index *sample(void)
{
        struct text_index *x = text_index_new();

        text_index_add(x, 3, first, BYTES_STRING("Meet me at the Bridge"));
        text_index_add(x, 5, second, BYTES_STRING("which bridge?"));
        text_index_add(x, 6, second, BYTES(NULL, 0));
        text_index_add(x, 7, first, BYTES_STRING("ÜBER die Brücke, ἈΘΗΝΑΙ, МОСТ"));
        return x;
}

static void test_words(void **state)
{
        struct text_index *x = sample();

        expect(x, "bridge", NULL, UINT64_MAX, 16, "5 3 ");
        expect(x, "BRIDGE  me", NULL, UINT64_MAX, 16, "3 ");
        expect(x, "ridg", NULL, UINT64_MAX, 16, "5 3 ");
        expect(x, "bridge tunnel", NULL, UINT64_MAX, 16, "");
        expect(x, "über BRÜCKE", NULL, UINT64_MAX, 16, "7 ");
        expect(x, "ἀθηναι мост", NULL, UINT64_MAX, 16, "7 ");
        text_index_free(x);
}

static void test_which(void **state)
{
        struct text_index *x = sample();

        expect(x, "bridge", first, UINT64_MAX, 16, "3 ");
        expect(x, "bridge", NULL, 5, 16, "3 ");
        expect(x, "bridge", NULL, UINT64_MAX, 1, "5 ");
        assert_int_equal(text_index_last(x), 7);
        text_index_free(x);
}

static void test_what_changes(void **state)
{
        struct text_index *x = sample();

        text_index_replace(x, 5, BYTES_STRING("which tunnel?"));
        text_index_replace(x, 3, BYTES(NULL, 0));
        text_index_replace(x, 4, BYTES_STRING("bridge"));
        expect(x, "bridge", NULL, UINT64_MAX, 16, "");
        expect(x, "tunnel", NULL, UINT64_MAX, 16, "5 ");
        text_index_free(x);
}

static void test_queries(void **state)
{
        static uint8_t much[TEXT_INDEX_QUERY_MAX];
        struct text_query q;

        memset(much, 'a', sizeof(much));
        assert_int_equal(text_query_read(BYTES_STRING(""), &q), -EINVAL);
        assert_int_equal(text_query_read(BYTES_STRING(" \t\n"), &q), -EINVAL);
        assert_int_equal(text_query_read(BYTES_OF(much), &q), -EMSGSIZE);
        assert_int_equal(text_query_read(BYTES_STRING("a b c d e f g h i j k l m n o p q"), &q), -EMSGSIZE);
        assert_int_equal(text_query_read(BYTES_STRING("a b c d e f g h i j k l m n o p "), &q), 0);
        assert_true(text_query_matches(&q, BYTES_STRING("ABCDEFGHIJKLMNOP")));
        assert_false(text_query_matches(&q, BYTES_STRING("ABCDEFGHIJKLMNO")));
        assert_false(text_query_matches(&q, BYTES(NULL, 0)));
}

/* Of a history that is larger than the room, the newest is there, and it says from where on; also while texts are
 * replaced by longer ones. */
static void test_more_than_there_is_room_for(void **state)
{
        enum { TEXT = 60000, MESSAGES = 3 * TEXT_INDEX_BYTES_MAX / TEXT };
        _cleanup_free_ uint8_t *text = malloc(TEXT);
        struct text_index *x = text_index_new();
        struct text_query q;
        struct text_match found[MESSAGES];
        size_t n;

        assert_non_null(text);
        memset(text, 'x', TEXT);
        for (uint64_t i = 1; i <= MESSAGES; i++) {
                text_index_add(x, i, first, BYTES(text, TEXT));
                text_index_replace(x, i / 2, BYTES(text, TEXT));
                text_index_replace(x, text_index_first(x), BYTES(text, TEXT / 2));
        }
        assert_int_equal(text_query_read(BYTES_STRING("xxx"), &q), 0);
        n = text_index_search(x, &q, NULL, UINT64_MAX, MESSAGES, found);
        assert_true(n > 10 && n < MESSAGES && found[0].message == MESSAGES);
        assert_true(text_index_first(x) > 1 && found[n - 1].message >= text_index_first(x));
        assert_int_equal(n, MESSAGES - text_index_first(x) + 1); /* all from there on */
        text_index_free(x);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_which),
                cmocka_unit_test(test_what_changes),
                cmocka_unit_test(test_queries),
                cmocka_unit_test(test_more_than_there_is_room_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
