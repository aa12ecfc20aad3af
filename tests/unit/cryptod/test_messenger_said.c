/* What the members of a group say of each other's messages: receipts go to the author alone and nobody's ratchet falls
 * behind; whatever the order in which things come, all agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_content.h"
#include "cryptod/conversation/messenger_standing.h"
#include "messenger_hub.h"
#include "services/cleanup.h"

static struct messenger *messenger_of(unsigned who)
{
        return fixture->people[who].messenger;
}

/* A group whose members want to be in it. */
static void begin(unsigned count)
{
        create(count);
        for (unsigned who = 1; who < count; who++)
                assert_int_equal(messenger_accept_request(messenger_of(who), group_of(who)), 0);
}

static enum message_state state_of(unsigned who, uint64_t id)
{
        _cleanup_(message_release) struct message m = { 0 };

        assert_int_equal(history_get(fixture->people[who].vault, conversation_id(group_of(who)), id, &m), 1);
        return m.state;
}

static uint64_t last_of(unsigned who)
{
        _cleanup_(message_release) struct message m = { 0 };

        assert_int_equal(history_last(fixture->people[who].vault, conversation_id(group_of(who)), &m), 1);
        return m.id;
}

static void a_message_is_delivered_when_all_have_it_and_read_when_all_have_read_it(void **state)
{
        uint64_t id;

        begin(3);
        say(0, "who has this?");
        id = last_of(0);
        settle();
        assert_int_equal(state_of(0, id), MESSAGE_STORED);
        assert_int_equal(messenger_send_receipts(messenger_of(1)), 0);
        settle();
        assert_int_equal(state_of(0, id), MESSAGE_STORED);
        assert_int_equal(messenger_send_receipts(messenger_of(2)), 0);
        settle();
        assert_int_equal(state_of(0, id), MESSAGE_DELIVERED);
        for (unsigned who = 1; who < 3; who++) {
                assert_int_equal(messenger_mark_read(messenger_of(who), group_of(who), last_of(who)), 0);
                assert_int_equal(messenger_send_receipts(messenger_of(who)), 0);
        }
        settle();
        assert_int_equal(state_of(0, id), MESSAGE_READ);
}

/* More receipts than a ratchet keeps keys of skipped messages for. */
static void receipts_go_to_the_author_and_nobody_falls_behind(void **state)
{
        enum { RECEIPTS = 90 };
        unsigned to_all = 0;
        char found[16384];

        begin(3);
        for (unsigned i = 0; i < RECEIPTS; i++) {
                _cleanup_(envelope_release) struct envelope e = { 0 };

                say(0, "x");
                settle();
                assert_int_equal(messenger_send_receipts(messenger_of(1)), 0);
                assert_int_equal(messenger_next_envelope(messenger_of(1), fixture->posted[1], &e), 1);
                assert_true(list_holds(e.recipients, BYTES_STRING(fixture->people[0].address)));
                to_all += list_holds(e.recipients, BYTES_STRING(fixture->people[2].address));
        }
        settle();
        assert_in_range(to_all, RECEIPTS / 64, RECEIPTS / 16);
        say(1, "can carol read this?");
        settle();
        write_history(2, found, sizeof(found));
        assert_non_null(strstr(found, "bob@hub.example.org:7843: can carol read this?|"));
}

/* -- agreement ---------------------------------------------------------------------------------------------------- */

enum { LINE = 512, LINES_MAX = 512 };

static int compare_lines(const void *a, const void *b)
{
        return strcmp(a, b);
}

static void add_hex(char *line, struct bytes b)
{
        for (size_t i = 0; i < 6; i++)
                snprintf(line + strlen(line), LINE - strlen(line), "%02x", b.data[i]);
}

static void add_said_of(unsigned who, const struct message *m, char *line)
{
        _cleanup_(annotation_cursor_release) struct annotation_cursor cursor = { 0 };
        static char of[LINES_MAX][LINE];
        size_t count = 0;

        assert_int_equal(
                annotation_of(fixture->people[who].vault, conversation_id(group_of(who)), m->content_id, &cursor), 0);
        for (;;) {
                _cleanup_(annotation_release) struct annotation a = { 0 };

                if (annotation_read(&cursor, &a) == 0)
                        break;
                if (a.kind == ANNOTATION_RECEIPT) /* everybody has those for their own */
                        continue;
                snprintf(of[count], LINE, " %d%d", a.kind, a.content.on);
                add_hex(of[count], a.author);
                add_hex(of[count], a.content_id);
                snprintf(of[count] + strlen(of[count]), LINE - strlen(of[count]), "%.*s", (int) a.content.list.size,
                         (const char *) a.content.list.data);
                count++;
        }
        qsort(of, count, LINE, compare_lines);
        for (size_t i = 0; i < count; i++)
                snprintf(line + strlen(line), LINE - strlen(line), "%.100s", of[i]);
}

/* All that somebody's history has of what was said, in an order that is the same for all. */
static size_t collect(unsigned who, char lines[static LINES_MAX][LINE])
{
        _cleanup_(history_cursor_release) struct history_cursor cursor = { 0 };
        size_t count = 0;

        assert_int_equal(history_after(fixture->people[who].vault, conversation_id(group_of(who)), 0, &cursor), 0);
        for (;;) {
                _cleanup_(message_release) struct message m = { 0 };
                char *line = lines[count];

                if (history_read(&cursor, &m) == 0)
                        break;
                if (m.content_id.size == 0)
                        continue;
                assert_true(++count < LINES_MAX);
                *line = '\0';
                add_hex(line, m.content_id);
                snprintf(line + strlen(line), LINE - strlen(line), " %s%.*s %lu", m.deleted ? "deleted" : "",
                         (int) m.content.text.size, (const char *) m.content.text.data, (unsigned long) m.edited);
                add_said_of(who, &m, line);
        }
        qsort(lines, count, LINE, compare_lines);
        return count;
}

static uint64_t any_of(unsigned who, bool own)
{
        uint64_t id = last_of(who), from = id - (uint64_t) rand() % 12;
        _cleanup_(history_cursor_release) struct history_cursor cursor = { 0 };

        assert_int_equal(history_before(fixture->people[who].vault, conversation_id(group_of(who)), from + 1, &cursor),
                         0);
        for (;;) {
                _cleanup_(message_release) struct message m = { 0 };

                if (history_read(&cursor, &m) == 0)
                        return 0;
                if (m.content_id.size > 0 && !m.deleted && (!own || m.sender == SENDER_SELF))
                        return m.id;
        }
}

static void do_something(unsigned who)
{
        static const char *const emoji[] = { "\1a", "\1b", "\1a\1c", "" };
        unsigned what = (unsigned) rand() % 8;
        uint64_t message = any_of(who, what >= 5 && what < 7);
        struct content reply = { .kind = CONTENT_TEXT, .text = BYTES_STRING("and so do I") };
        const char *list = emoji[rand() % 4];
        char text[32];
        int r = 0;

        snprintf(text, sizeof(text), "%d", rand());
        if (what < 2 || message == 0)
                say(who, text);
        else if (what == 2)
                r = messenger_reply(messenger_of(who), group_of(who), message, &reply, &message);
        else if (what < 5)
                r = messenger_react(messenger_of(who), group_of(who), message, BYTES_STRING(list));
        else if (what == 5)
                r = messenger_edit(messenger_of(who), group_of(who), message, BYTES_STRING(text));
        else if (what == 6 && rand() % 2)
                r = messenger_delete(messenger_of(who), group_of(who), message, true);
        else
                r = messenger_pin(messenger_of(who), group_of(who), message, rand() % 2);
        assert_int_equal(r, 0);
}

static void whatever_the_order_all_agree(void **state)
{
        enum { MEMBERS = 4, STEPS = 200 };
        static char mine[LINES_MAX][LINE], other[LINES_MAX][LINE];
        size_t count;

        srand(7);
        begin(MEMBERS);
        say(0, "it begins");
        settle();
        for (int step = 0; step < STEPS; step++) {
                unsigned who = (unsigned) rand() % MEMBERS;

                do_something(who);
                if (rand() % 4 == 0)
                        post((unsigned) rand() % MEMBERS);
                if (rand() % 4 == 0)
                        fetch((unsigned) rand() % MEMBERS, rand() % 2);
                if (rand() % 60 == 0)
                        person_restart(&fixture->people[who]);
                if (step % 40 == 39) /* the mailboxes of the test have an end */
                        settle();
        }
        settle();
        count = collect(0, mine);
        assert_true(count > STEPS / 8);
        for (unsigned who = 1; who < MEMBERS; who++) {
                assert_int_equal(collect(who, other), count);
                for (size_t i = 0; i < count; i++)
                        assert_string_equal(other[i], mine[i]);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_make, hub_release)
        const struct CMUnitTest tests[] = {
                TEST(a_message_is_delivered_when_all_have_it_and_read_when_all_have_read_it),
                TEST(receipts_go_to_the_author_and_nobody_falls_behind),
                TEST(whatever_the_order_all_agree),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
