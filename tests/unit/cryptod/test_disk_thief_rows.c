/* What is erased of a vault's rows is in no file any more that the vault key opens: keys that came by a link or with a
 * file, and what people have written, whatever way it went. That each was there before shows that the thief
 * (disk_thief.h) can open it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/messenger_content.h"
#include "cryptod/conversation/messenger_healing.h"
#include "cryptod/conversation/messenger_invitation.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/transfer_record.h"
#include "disk_thief.h"
#include "messenger_hub.h"
#include "services/cleanup.h"
#include "services/seal.h"

enum { ALICE, BOB, CAROL };

static struct person *person(unsigned who)
{
        return &fixture->people[who];
}

static bool wins(unsigned who, const char *text)
{
        return thief_wins(person(who), BYTES_STRING(text));
}

static uint64_t last_message(unsigned who)
{
        _cleanup_(message_release) struct message m = { 0 };

        assert_int_equal(history_last(person(who)->vault, conversation_id(group_of(who)), &m), 1);
        return m.id;
}

static void the_key_of_an_invitation_that_was_followed(void **state)
{
        _cleanup_(invitation_link_release) struct invitation_link l = { 0 };
        char link[CONTACT_LINK_MAX], address[ADDRESS_TEXT_MAX];
        const char *reason;
        uint64_t wait;

        create(2);
        assert_int_equal(
                messenger_invite(person(ALICE)->messenger, group_of(ALICE), notice_time() / 1000000 + 3600, 0, link),
                0);
        settle();
        sign_up(CAROL);
        assert_int_equal(invitation_link_read(link, &l, &reason), 0);
        assert_int_equal(messenger_join_by_link(person(CAROL)->messenger, &l), 0);
        assert_true(thief_wins(person(CAROL), secret_bytes(l.key)));
        while (messenger_seek_entrance(person(CAROL)->messenger, address, &wait) == 1) {
                _cleanup_writer_ struct writer package = WRITER_INIT;
                struct conversation *c;

                person_claim(person(ALICE), &package);
                assert_int_equal(messenger_start(person(CAROL)->messenger, address, writer_bytes(&package), NOW, &c),
                                 0);
        }
        settle();
        assert_members(CAROL, "alice bob carol ");
        assert_false(thief_wins(person(CAROL), secret_bytes(l.key)));
        assert_false(thief_wins(person(ALICE), secret_bytes(l.key))); /* it is in the link alone */
}

static void the_key_of_a_file_that_has_gone(void **state)
{
        _cleanup_secret_ struct secret *key = secret_random(32);
        struct transfer_record t = { .sends = true };

        create(2);
        random_fill(t.id, sizeof(t.id));
        t.part = (struct file_part){ .name = BYTES_STRING("holiday.jpg"),
                                     .media_type = BYTES_STRING("image/jpeg"),
                                     .key = secret_bytes(key) };
        assert_int_equal(vault_begin(person(ALICE)->vault), 0);
        assert_int_equal(transfer_record_store(person(ALICE)->vault, &t), 0);
        assert_int_equal(vault_commit(person(ALICE)->vault), 0);
        assert_true(thief_wins(person(ALICE), secret_bytes(key)));
        assert_int_equal(vault_begin(person(ALICE)->vault), 0);
        assert_int_equal(transfer_record_erase(person(ALICE)->vault, t.id), 0);
        assert_int_equal(vault_commit(person(ALICE)->vault), 0);
        assert_false(thief_wins(person(ALICE), secret_bytes(key)));
}

static void what_was_said_and_deleted(void **state)
{
        create(2);
        say(ALICE, "meet me at the heron");
        settle();
        assert_true(wins(ALICE, "at the heron") && wins(BOB, "at the heron"));
        assert_int_equal(messenger_delete(person(ALICE)->messenger, group_of(ALICE), last_message(ALICE), true), 0);
        settle();
        assert_false(wins(ALICE, "at the heron"));
        assert_false(wins(BOB, "at the heron"));
}

/* The message is lost on its way, and asked for. */
static void what_was_sent_again_and_deleted(void **state)
{
        struct messenger *bob;
        uint64_t wait;

        create(2);
        bob = person(BOB)->messenger;
        say(ALICE, "meet me at the heron");
        post(ALICE);
        for (; fixture->first[BOB] < fixture->end[BOB]; fixture->first[BOB]++)
                writer_release(&fixture->mail[BOB][fixture->first[BOB]].content);
        settle();
        assert_false(wins(BOB, "at the heron"));
        assert_int_equal(messenger_begin(bob), 0);
        assert_int_equal(messenger_end(bob, NULL, messenger_note_lost(bob, group_of(BOB), true)), 0);
        assert_int_equal(messenger_heal(bob, &wait), 0);
        settle();
        assert_true(wins(BOB, "at the heron"));
        assert_int_equal(messenger_delete(person(ALICE)->messenger, group_of(ALICE), last_message(ALICE), true), 0);
        settle();
        assert_false(wins(ALICE, "at the heron"));
        assert_false(wins(BOB, "at the heron"));
}

static void a_draft_that_was_given_up(void **state)
{
        struct messenger *m;

        create(2);
        m = person(ALICE)->messenger;
        assert_int_equal(messenger_set_draft(m, group_of(ALICE), BYTES_STRING("dear heron, no"), 0), 0);
        assert_true(wins(ALICE, "dear heron"));
        assert_int_equal(messenger_set_draft(m, group_of(ALICE), BYTES_STRING(""), 0), 0);
        assert_false(wins(ALICE, "dear heron"));
}

static int tear_down(void **state)
{
        thief_forget();
        return hub_release(state);
}

#define THIEF_TEST(name) cmocka_unit_test_setup_teardown(name, hub_make, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                THIEF_TEST(the_key_of_an_invitation_that_was_followed),
                THIEF_TEST(the_key_of_a_file_that_has_gone),
                THIEF_TEST(what_was_said_and_deleted),
                THIEF_TEST(what_was_sent_again_and_deleted),
                THIEF_TEST(a_draft_that_was_given_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
