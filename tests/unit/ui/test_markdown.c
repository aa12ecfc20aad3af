/* What people write becomes markup that is shown: what is marked up is, and nothing else is believed. */
#include "tests/unit/services/cmocka_headers.h"

#include <stdlib.h>
#include <string.h>

#include "ui/client/markdown.h"

static void expect(const char *text, const char *markup)
{
        char *made = markdown_markup(text, NULL, 0);

        assert_string_equal(made, markup);
        free(made);
}

static void the_subset_is_marked_up(void **state)
{
        expect("", "");
        expect("plain", "plain");
        expect("*so* and **so**", "<i>so</i> and <b>so</b>");
        expect("**very *much* so**", "<b>very <i>much</i> so</b>");
        expect("a `x*y*` b", "a <tt>x*y*</tt> b");
        expect("- one\n* two\n> said", "• one\n• two\n<span alpha=\"70%\">▎ said</span>");
        expect("see\n```\n*a*\n<b>\n```\nend", "see\n<tt>*a*</tt>\n<tt>&lt;b&gt;</tt>\nend");
}

static void what_is_no_mark_stays(void **state)
{
        expect("2 * 3 * 4", "2 * 3 * 4");
        expect("a*b*c", "a*b*c");
        expect("*open", "*open");
        expect("** not **", "** not **");
        expect("over\n*two\nlines*", "over\n*two\nlines*");
        expect("`", "`");
}

static void markup_and_turned_text_are_not_believed(void **state)
{
        expect("<b>&amp;</b> \"x\"", "&lt;b&gt;&amp;amp;&lt;/b&gt; &quot;x&quot;");
        expect("a\xe2\x80\xae"
               "b\xe2\x81\xa6"
               "c\x01",
               "abc");
        expect("*<i>*", "<i>&lt;i&gt;</i>");
}

static void links_are_bare_and_end_before_punctuation(void **state)
{
        expect("at https://a.example/x?y=1&z, or (http://b.example).",
               "at <a href=\"https://a.example/x?y=1&amp;z\">https://a.example/x?y=1&amp;z</a>, or (<a "
               "href=\"http://b.example\">http://b.example</a>).");
        expect("javascript://x file:///etc ahttps://x https://", "javascript://x file:///etc ahttps://x https://");
        expect("https://x\"onclick=\"y", "<a href=\"https://x\">https://x</a>&quot;onclick=&quot;y");
}

static void the_host_is_where_it_leads(void **state)
{
        static const char *const cases[][2] = {
                { "https://a.example/x@b.example", "a.example" },  { "https://a.example@b.example:80/", "b.example" },
                { "https://a@c@d.example?e", "d.example" },        { "http://[2001:db8::1]:80/x", "[2001:db8::1]" },
                { "https://a.example\\@b.example/", "a.example" }, { "https://", "" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char *host = markdown_host(cases[i][0]);

                assert_string_equal(host, cases[i][1]);
                free(host);
        }
}

static void mentions_are_set_apart_where_they_fit(void **state)
{
        const struct said_mention mentions[] = { { 3, 4, "bob@h:1" }, { 100, 4, "bob@h:1" }, { 8, 99, "bob@h:1" } };
        char *made = markdown_markup("hi @bob and", mentions, 3);

        assert_string_equal(made, "hi <span weight=\"bold\" underline=\"low\">@bob</span> and");
        free(made);
}

/* 64 KiB of marks without an end: what takes the square of that takes minutes. */
static void a_hostile_text_takes_no_longer_than_another(void **state)
{
        static char text[65537];
        static const char *const patterns[] = { "*a ", "**a ", "`a", "*a**b`c ", "http", "> * " };

        for (size_t p = 0; p < sizeof(patterns) / sizeof(*patterns); p++) {
                for (size_t i = 0; i + 1 < sizeof(text); i++)
                        text[i] = patterns[p][i % strlen(patterns[p])];
                char *made = markdown_markup(text, NULL, 0);

                assert_true(strlen(made) >= sizeof(text) / 2);
                free(made);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_subset_is_marked_up),
                cmocka_unit_test(what_is_no_mark_stays),
                cmocka_unit_test(markup_and_turned_text_are_not_believed),
                cmocka_unit_test(links_are_bare_and_end_before_punctuation),
                cmocka_unit_test(the_host_is_where_it_leads),
                cmocka_unit_test(mentions_are_set_apart_where_they_fit),
                cmocka_unit_test(a_hostile_text_takes_no_longer_than_another),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
