/* Two people talk: what arrives, in what order, after which crash, and under whose key. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/messenger_contact.h"
#include "messenger_pair.h"
#include "services/cleanup.h"
#include "tests/unit/services/stderr_capture.h"

static void two_people_talk(void **state)
{
        struct fixture *f = *state;
        struct conversation *c = start(&f->alice, &f->bob);

        say(&f->alice, c, "before the hub has answered");
        assert_history(&f->alice, "qbefore the hub has answered|");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->alice, "sbefore the hub has answered|");
        assert_history(&f->bob, ">before the hub has answered|");
        say(&f->bob, only(&f->bob), "hello");
        carry(f, &f->bob, &f->alice);
        assert_history(&f->alice, "sbefore the hub has answered|>hello|");
        assert_int_equal(f->bob.added, 2);
}

static void a_restart_after_every_step_loses_and_doubles_nothing(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        person_restart(&f->alice);
        say(&f->alice, only(&f->alice), "one");
        person_restart(&f->alice);
        for (int i = 0; i < 2; i++) {
                _cleanup_(envelope_release) struct envelope e = { 0 };

                assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &e), 1);
                person_restart(&f->bob);
                assert_int_equal(messenger_deliver(f->bob.messenger, (uint64_t) i + 1, e.content), 0);
                person_restart(&f->bob);
                /* Its answer was lost: it comes again. */
                assert_int_equal(messenger_deliver(f->bob.messenger, (uint64_t) i + 1, e.content), 0);
                person_restart(&f->alice);
                assert_int_equal(messenger_outcome(f->alice.messenger, BYTES_OF(e.id), OUTCOME_STORED), 0);
                person_restart(&f->alice);
                assert_int_equal(messenger_outcome(f->alice.messenger, BYTES_OF(e.id), OUTCOME_STORED), 0);
        }
        assert_history(&f->alice, "sone|");
        assert_history(&f->bob, ">one|");
}

static void a_replay_and_a_forgery_are_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_(envelope_release) struct envelope e = { 0 };
        _cleanup_writer_ struct writer forged = WRITER_INIT;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "once");
        assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &e), 1);
        write_fixed(&forged, e.content);
        forged.data[forged.size - 1] ^= 1;
        assert_int_equal(messenger_deliver(f->bob.messenger, 10, writer_bytes(&forged)), 0);
        assert_history(&f->bob, "");
        assert_int_equal(messenger_deliver(f->bob.messenger, 11, e.content), 0);
        assert_int_equal(messenger_deliver(f->bob.messenger, 12, e.content), 0);
        assert_int_equal(messenger_deliver(f->bob.messenger, 13, BYTES_STRING("garbage")), 0);
        assert_history(&f->bob, ">once|");
}

static void messages_have_one_of_a_few_sizes(void **state)
{
        struct fixture *f = *state;
        size_t sizes[9];
        unsigned count = 0;
        static char text[CONTENT_TEXT_MAX + 1];

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        for (size_t length = 1; length <= CONTENT_TEXT_MAX; length *= 4) {
                _cleanup_(envelope_release) struct envelope e = { 0 };

                memset(text, 'x', length);
                text[length] = '\0';
                say(&f->alice, only(&f->alice), text);
                assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &e), 1);
                sizes[count++] = e.content.size;
                assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, e.content), 0);
                assert_int_equal(messenger_outcome(f->alice.messenger, BYTES_OF(e.id), OUTCOME_STORED), 0);
        }
        assert_int_equal(count, 9); /* of 1, 4, 16, 64, … 65536 characters */
        for (unsigned i = 1; i < 3; i++)
                assert_int_equal(sizes[i], sizes[0]);
        assert_int_equal(sizes[4], sizes[3]);
        assert_true(sizes[3] > 3 * sizes[0] && sizes[3] < 5 * sizes[0]);
        for (unsigned i = 5; i < 9; i++)
                assert_true(sizes[i] > 3 * sizes[i - 1] && sizes[i] < 5 * sizes[i - 1]);
}

static void updates_race_and_the_loser_goes_on(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        assert_int_equal(messenger_update(f->alice.messenger, only(&f->alice)), 0);
        assert_int_equal(messenger_update(f->bob.messenger, only(&f->bob)), 0);
        say(&f->bob, only(&f->bob), "in the old epoch");
        carry(f, &f->alice, &f->bob); /* alice wins; bob, who had a commit of his own waiting, makes it anew */
        carry(f, &f->bob, &f->alice); /* the first of his is stale, the second is not */
        assert_int_equal(f->epoch, 3);
        assert_history(&f->alice, ">in the old epoch|");
        say(&f->alice, only(&f->alice), "in the new one");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->bob, "sin the old epoch|>in the new one|");
}

static void our_keys_are_replaced_after_many_messages(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        assert_int_equal(f->epoch, 1);
        for (int i = 0; i < MESSENGER_UPDATE_AFTER; i++)
                say(&f->alice, only(&f->alice), "x");
        carry(f, &f->alice, &f->bob);
        assert_int_equal(f->epoch, 2);
        say(&f->bob, only(&f->bob), "still");
        carry(f, &f->bob, &f->alice);
        assert_int_equal(f->alice.added, MESSENGER_UPDATE_AFTER + 1);
}

static void both_start_at_once_and_agree_on_one_group(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        start(&f->bob, &f->alice);
        f->epoch = 0;
        carry(f, &f->alice, &f->bob);
        f->epoch = 0;
        carry(f, &f->bob, &f->alice);
        say(&f->alice, only(&f->alice), "ping");
        say(&f->bob, only(&f->bob), "pong");
        carry(f, &f->alice, &f->bob);
        carry(f, &f->bob, &f->alice);
        assert_history(&f->alice, "sping|>pong|");
        assert_history(&f->bob, "spong|>ping|");
        assert_true(bytes_equal(membership_group_id(conversation_current(only(&f->alice))),
                                membership_group_id(conversation_current(only(&f->bob)))));
}

static void a_person_with_a_new_root_key_is_refused_and_shown(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer package = WRITER_INIT;
        struct person mallory;
        struct conversation *c;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        person_sign_up(&mallory, "alice", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                       "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        start(&mallory, &f->bob);
        f->epoch = 0;
        f->bob.sequence = 100;
        carry(f, &mallory, &f->bob);
        assert_history(&f->bob, "!|");
        /* And the other way: a hub that hands out mallory's key package as alice's. */
        person_claim(&mallory, &package);
        assert_int_equal(
                messenger_start(f->bob.messenger, "carol@hub.example.org:7843", writer_bytes(&package), NOW, &c),
                -EBADMSG);
        person_release(&mallory);
}

static void assert_contact(struct person *p, bool verified, bool changed)
{
        struct contact_view view;

        assert_int_equal(messenger_contact_view(p->messenger, only(p), &view), 0);
        assert_int_equal(view.verified, verified);
        assert_int_equal(view.changed, changed);
}

static void a_key_is_verified_until_it_changes_and_the_other_is_accepted(void **state)
{
        struct fixture *f = *state;
        char ours[SAFETY_NUMBER_DIGITS + 1], theirs[SAFETY_NUMBER_DIGITS + 1];
        struct capture log;
        struct person again; /* alice, who has lost her account and made a new one of the same name */

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        for (struct person *p = &f->alice;; p = &f->bob) {
                _cleanup_free_ char *code = NULL;

                assert_int_equal(
                        messenger_safety_number(p->messenger, only(p), false, p == &f->bob ? theirs : ours, &code), 0);
                if (p == &f->bob)
                        break;
                assert_int_equal(messenger_compare_code(f->alice.messenger, only(&f->alice), code, 1), -EKEYREJECTED);
                assert_int_equal(messenger_compare_code(f->bob.messenger, only(&f->bob), code, 1), 0);
        }
        assert_string_equal(ours, theirs);
        person_restart(&f->bob);
        assert_contact(&f->alice, false, false);
        assert_contact(&f->bob, true, false);
        assert_int_equal(messenger_accept_key(f->bob.messenger, only(&f->bob), ours, 1), -ENOENT);

        person_sign_up(&again, "alice", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        start(&again, &f->bob);
        f->epoch = 0;
        f->bob.sequence = 100;
        capture_begin(&log);
        carry(f, &again, &f->bob);
        assert_non_null(
                strstr(capture_end(&log), "another key than before tried to speak as alice@hub.example.org:7843"));
        assert_non_null(strstr(log.text, "ACCOUNT=fedcba"));
        say(&again, only(&again), "before");
        carry(f, &again, &f->bob);
        person_restart(&f->bob);
        assert_contact(&f->bob, true, true);
        assert_history(&f->bob, "!|!|");

        _cleanup_free_ char *code = NULL;
        assert_int_equal(messenger_accept_key(f->bob.messenger, only(&f->bob), ours, 1), -EKEYREJECTED);
        assert_int_equal(messenger_safety_number(f->bob.messenger, only(&f->bob), true, theirs, &code), 0);
        assert_string_not_equal(ours, theirs);
        capture_begin(&log);
        assert_int_equal(messenger_accept_key(f->bob.messenger, only(&f->bob), theirs, 1), 0);
        assert_non_null(strstr(capture_end(&log), "Another key of alice@hub.example.org:7843 was accepted"));
        person_restart(&f->bob);
        assert_contact(&f->bob, false, false);
        say(&again, only(&again), "after");
        carry(f, &again, &f->bob);
        say(&f->bob, only(&f->bob), "welcome back");
        carry(f, &f->bob, &again);
        assert_history(&f->bob, "!|!|!|>after|swelcome back|");
        assert_history(&again, "sbefore|safter|>welcome back|");

        f->bob.sequence = 200; /* the old account is a stranger now */
        say(&f->alice, only(&f->alice), "it was me");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->bob, "!|!|!|>after|swelcome back|");
        person_release(&again);
}

static void a_refused_first_commit_leaves_a_conversation_that_can_start_again(void **state)
{
        struct fixture *f = *state;
        _cleanup_(envelope_release) struct envelope e = { 0 };
        uint64_t message;

        start(&f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "lost");
        assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &e), 1);
        assert_int_equal(messenger_outcome(f->alice.messenger, BYTES_OF(e.id), OUTCOME_REFUSED), 0);
        assert_history(&f->alice, "flost|");
        assert_int_equal(messenger_send(f->alice.messenger, only(&f->alice), BYTES_STRING("x"), 1, &message),
                         -ENOTCONN);
        assert_null(messenger_find_address(f->alice.messenger, f->bob.address));
        person_restart(&f->alice);
        start(&f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "found");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->bob, ">found|");
}

/* Whoever carries key packages cannot bring two people to a weaker suite: one of another suite is refused, in both
 * directions, and nothing is begun. */
static void nobody_is_talked_down_to_another_suite(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer weak = WRITER_INIT, strong = WRITER_INIT;
        struct conversation *c;
        struct person carol;

        person_sign_up(&carol, "carol", "00112233445566778899aabbccddeeff",
                       "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519");
        person_claim(&carol, &weak);
        person_claim(&f->bob, &strong);
        assert_int_equal(messenger_start(f->alice.messenger, carol.address, writer_bytes(&weak), NOW, &c),
                         -EPROTONOSUPPORT);
        assert_int_equal(messenger_start(carol.messenger, f->bob.address, writer_bytes(&strong), NOW, &c),
                         -EPROTONOSUPPORT);
        assert_null(messenger_conversations(f->alice.messenger));
        assert_null(messenger_conversations(carol.messenger));
        person_release(&carol);
}

static void texts_that_are_none_are_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer large = WRITER_INIT;
        struct conversation *c = start(&f->alice, &f->bob);
        uint64_t message;

        memset(writer_append(&large, CONTENT_TEXT_MAX + 1), 'x', CONTENT_TEXT_MAX + 1);
        assert_int_equal(messenger_send(f->alice.messenger, c, BYTES_STRING(""), 1, &message), -EINVAL);
        assert_int_equal(messenger_send(f->alice.messenger, c, BYTES_STRING("\xff"), 1, &message), -EINVAL);
        assert_int_equal(messenger_send(f->alice.messenger, c, writer_bytes(&large), 1, &message), -EMSGSIZE);
        assert_int_equal(messenger_mark_read(f->alice.messenger, c, 1), -ENOENT);
        assert_history(&f->alice, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                PAIR_TEST(two_people_talk),
                PAIR_TEST(a_restart_after_every_step_loses_and_doubles_nothing),
                PAIR_TEST(a_replay_and_a_forgery_are_refused),
                PAIR_TEST(messages_have_one_of_a_few_sizes),
                PAIR_TEST(updates_race_and_the_loser_goes_on),
                PAIR_TEST(our_keys_are_replaced_after_many_messages),
                PAIR_TEST(both_start_at_once_and_agree_on_one_group),
                PAIR_TEST(a_person_with_a_new_root_key_is_refused_and_shown),
                PAIR_TEST(a_key_is_verified_until_it_changes_and_the_other_is_accepted),
                PAIR_TEST(a_refused_first_commit_leaves_a_conversation_that_can_start_again),
                PAIR_TEST(nobody_is_talked_down_to_another_suite),
                PAIR_TEST(texts_that_are_none_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
