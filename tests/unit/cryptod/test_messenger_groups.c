/* Groups of three to eight people: who is in them, what they read, and commits that race. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/unsent.h"
#include "messenger_hub.h"
#include "services/cleanup.h"

static void three_people_talk(void **state)
{
        for (unsigned who = 0; who < 3; who++)
                sign_up(who);
        assert_int_equal(change(0, "friends", 1, 3), 0);
        say(0, "before the hub has answered");
        settle();
        say(1, "hello");
        settle();
        say(2, "all");
        settle();
        assert_history(0, "* You created “friends”.|me: before the hub has answered|* You added bob, carol.|"
                          "bob: hello|carol: all|");
        assert_history(1, "* You were added to “friends”.|alice: before the hub has answered|me: hello|carol: all|");
        assert_history(2, "* You were added to “friends”.|alice: before the hub has answered|bob: hello|me: all|");
        assert_members(2, "alice bob carol ");
        assert_string_equal(group_of(2)->name, "friends");
}

static void who_is_added_reads_nothing_earlier_and_who_is_removed_nothing_more(void **state)
{
        _cleanup_(unsent_release) struct unsent waiting = { 0 };

        create(3);
        say(0, "three of us");
        settle();
        sign_up(3);
        assert_int_equal(change(1, NULL, 3, 4), 0);
        settle();
        say(0, "four of us");
        settle();
        remove_member(0, 2);
        say(0, "not for carol"); /* waits, since in this epoch she could still read it */
        assert_int_equal(unsent_next(fixture->people[0].vault, conversation_id(group_of(0)), &waiting), 1);
        assert_int_equal(waiting.message, 6);
        settle();
        say(3, "without carol");
        settle();
        assert_history(3, "* You were added to “friends”.|alice: four of us|* alice removed carol.|"
                          "alice: not for carol|me: without carol|");
        assert_history(2, "* You were added to “friends”.|alice: three of us|* bob added dave.|alice: four of us|"
                          "* You were removed.|");
        assert_null(group_of(2)->memberships);
        assert_members(0, "alice bob dave ");
        assert_int_equal(
                messenger_send(fixture->people[2].messenger, group_of(2), BYTES_STRING("x"), 1, &(uint64_t){ 0 }),
                -ENOTCONN);
        /* And back again, in the same conversation. */
        assert_int_equal(change(0, NULL, 2, 3), 0);
        settle();
        say(2, "back");
        settle();
        assert_history(3, "* You were added to “friends”.|alice: four of us|* alice removed carol.|"
                          "alice: not for carol|me: without carol|* alice added carol.|carol: back|");
}

static void who_leaves_is_taken_out_by_another(void **state)
{
        create(3);
        assert_int_equal(messenger_leave(fixture->people[0].messenger, group_of(0)), 0);
        assert_int_equal(messenger_leave(fixture->people[0].messenger, group_of(0)), -ENOTCONN);
        person_restart(&fixture->people[0]);
        settle();
        say(1, "alone with carol");
        settle();
        assert_history(0, "* You created “friends”.|* You added bob, carol.|* You left.|");
        assert_history(2, "* You were added to “friends”.|* alice left.|* bob is an owner now.|bob: alone with carol|");
        assert_members(1, "bob carol ");
        /* Both of the rest at once, and nobody is left to do it for the last. */
        assert_int_equal(messenger_leave(fixture->people[1].messenger, group_of(1)), 0);
        assert_int_equal(messenger_leave(fixture->people[2].messenger, group_of(2)), 0);
        settle();
        assert_null(group_of(1)->memberships);
        assert_null(group_of(2)->memberships);
}

static void changes_race_and_all_of_them_come_about(void **state)
{
        create(4);
        give_role(0, 3, ROLE_OWNER);
        settle();
        for (unsigned who = 4; who < 7; who++)
                sign_up(who);
        assert_int_equal(change(0, NULL, 4, 5), 0);
        assert_int_equal(change(1, NULL, 5, 6), 0);
        assert_int_equal(change(2, NULL, 6, 7), 0);
        remove_member(3, 0);
        assert_int_equal(messenger_update(fixture->people[3].messenger, group_of(3)), 0);
        assert_int_equal(messenger_leave(fixture->people[2].messenger, group_of(2)), 0);
        for (unsigned who = 0; who < 4; who++)
                post(who);
        for (unsigned who = 0; who < 4; who++)
                person_restart(&fixture->people[who]);
        settle();
        assert_true(fixture->stale >= 3);
        assert_null(group_of(0)->memberships);
        assert_null(group_of(2)->memberships);
        for (unsigned who = 1; who < 6; who++) {
                if (who != 2)
                        assert_members(who, "bob dave erin frank ");
        }
        say(4, "here");
        settle();
        for (unsigned who = 1; who < 6; who++) {
                static char found[16384];

                if (who == 2 || who == 4)
                        continue;
                write_history(who, found, sizeof(found));
                assert_non_null(strstr(found, "erin@hub.example.org:7843: here|"));
        }
}

static void two_add_the_same_person(void **state)
{
        create(3);
        sign_up(3);
        assert_int_equal(change(0, NULL, 3, 4), 0);
        assert_int_equal(change(1, NULL, 3, 4), 0);
        settle();
        assert_members(3, "alice bob carol dave ");
        assert_members(1, "alice bob carol dave ");
        assert_history(1, "* You were added to “friends”.|* alice added dave.|");
        say(3, "once");
        settle();
        assert_history(2, "* You were added to “friends”.|* alice added dave.|dave: once|");
}

/* bob's message of the new epoch overtakes the outcome of alice's commit that made it; and reaches dave, who was added,
 * behind his Welcome. */
static void a_message_overtakes_the_outcome_of_a_commit(void **state)
{
        create(3);
        sign_up(3);
        assert_int_equal(change(0, NULL, 3, 4), 0);
        post(0);
        fetch(1, false);
        say(1, "welcome, dave");
        post(1);
        fetch(3, false);
        fetch(0, true);
        settle();
        assert_history(0, "* You created “friends”.|* You added bob, carol.|* You added dave.|bob: welcome, dave|");
        assert_history(3, "* You were added to “friends”.|bob: welcome, dave|");
}

static void a_group_of_one_waits_for_others(void **state)
{
        sign_up(0);
        assert_int_equal(change(0, "notes", 1, 1), 0);
        say(0, "to myself");
        settle();
        assert_history(0, "* You created “notes”.|me: to myself|");
        sign_up(1);
        assert_int_equal(change(0, NULL, 1, 2), 0);
        say(0, "to bob");
        person_restart(&fixture->people[0]);
        settle();
        assert_history(1, "* You were added to “notes”.|alice: to bob|");
        assert_int_equal(messenger_leave(fixture->people[0].messenger, group_of(0)), 0);
        settle();
        assert_int_equal(messenger_leave(fixture->people[1].messenger, group_of(1)), 0);
        assert_null(group_of(1)->memberships);
        assert_int_equal(change(1, "a@b", 2, 2), -EINVAL);
        assert_int_equal(change(1, "#room", 2, 2), -EINVAL);
        assert_int_equal(change(1, "", 2, 2), -EINVAL);
        assert_int_equal(change(1, "bell\a", 2, 2), -EINVAL);
}

/* Somebody who took alice's name with other keys is added by bob, who does not know alice; carol does. */
static void another_key_is_marked(void **state)
{
        struct conversation *c;
        _cleanup_writer_ struct writer package = WRITER_INIT;

        for (unsigned who = 0; who < 3; who++)
                sign_up(who);
        person_claim(&fixture->people[0], &package);
        assert_int_equal(messenger_start(fixture->people[2].messenger, fixture->people[0].address,
                                         writer_bytes(&package), NOW, &c),
                         0);
        settle();
        person_release(&fixture->people[0]);
        fixture->posted[0] = 0;
        sign_up(0);
        assert_int_equal(change(1, "trap", 2, 3), 0);
        settle();
        assert_int_equal(change(1, NULL, 0, 1), 0);
        settle();
        say(0, "it is me");
        settle();
        assert_history(1, "* You created “trap”.|* You added carol.|* You added alice.|alice: it is me|");
        assert_history(2, "* You were added to “trap”.|* bob added ?alice.|"
                          "* Somebody whom ? marks has another key than the one that is known for that address. Ask "
                          "them in another way; it may be somebody else.|?alice: it is me|");
        /* carol does not add them herself. */
        assert_int_equal(change(2, "mine", 0, 1), -EKEYREJECTED);
}

static void whom_the_hub_refuses_is_not_added(void **state)
{
        _cleanup_(envelope_release) struct envelope e = { 0 };
        struct person *alice;

        create(2);
        alice = &fixture->people[0];
        sign_up(2);
        assert_int_equal(change(0, NULL, 2, 3), 0);
        assert_int_equal(messenger_next_envelope(alice->messenger, 0, &e), 1);
        assert_int_equal(messenger_outcome(alice->messenger, BYTES_OF(e.id), OUTCOME_REFUSED), 0);
        say(0, "still two");
        settle();
        assert_members(1, "alice bob ");
        assert_history(0, "* You created “friends”.|* You added bob.|"
                          "* The hub refused a change of the group; try it again.|me: still two|");
}

#define UNREACHABLE(name)                                                                                              \
        "* The hub cannot bring " name                                                                                 \
        " what is said here: their mailbox is full, or their account is gone. The others "                             \
        "get it.|"

static void whose_account_is_gone_can_be_removed(void **state)
{
        create(4);
        fixture->deleted[2] = fixture->deleted[3] = true;
        say(0, "reaches bob");
        settle();
        assert_int_equal(messenger_leave(fixture->people[3].messenger, group_of(3)), 0);
        fixture->deleted[2] = false;
        settle(); /* dave left, and was gone before he was taken out */
        fixture->deleted[2] = true;
        remove_member(0, 2);
        settle();
        say(1, "we two");
        settle();
        assert_members(1, "alice bob ");
        assert_history(0, "* You created “friends”.|* You added bob, carol, dave.|me: reaches bob|" UNREACHABLE("carol")
                                  UNREACHABLE("dave") "* dave left.|* You removed carol.|bob: we two|");
        assert_history(1, "* You were added to “friends”.|alice: reaches bob|* dave left.|* alice removed carol.|"
                          "me: we two|");
}

/* carol's mailbox is full: the others get messages and changes, also after a restart; and she, from when it is not. */
static void a_full_mailbox_holds_up_nobody_else(void **state)
{
        create(6);
        fixture->deleted[2] = true;
        say(0, "one");
        settle();
        assert_int_equal(messenger_rename(fixture->people[1].messenger, group_of(1), BYTES_STRING("hikers")), 0);
        settle();
        person_restart(&fixture->people[0]);
        say(0, "two");
        settle();
        for (unsigned who = 1; who < 6; who++) {
                static char found[16384];

                write_history(who, found, sizeof(found));
                assert_int_equal(strstr(found, ": two|") != NULL, who != 2);
                assert_int_equal(strcmp(group_of(who)->name, "hikers") == 0, who != 2);
        }
        assert_history(0, "* You created “friends”.|* You added bob, carol, dave, erin, frank.|me: one|" UNREACHABLE(
                                  "carol") "* The name is now “hikers”.|me: two|" UNREACHABLE("carol"));
        /* Nobody is left who gets it. */
        for (unsigned who = 1; who < 6; who++)
                fixture->deleted[who] = true;
        say(0, "three");
        settle();
        {
                _cleanup_(message_release) struct message m = { 0 };
                uint64_t after = 0;
                bool failed = false;

                while (history_next(fixture->people[0].vault, conversation_id(group_of(0)), after, &m) > 0) {
                        after = m.id;
                        failed = failed || m.state == MESSAGE_FAILED;
                        message_release(&m);
                }
                assert_true(failed);
        }
}

static void two_names_race_and_all_agree_on_one(void **state)
{
        create(3);
        assert_int_equal(messenger_rename(fixture->people[0].messenger, group_of(0), BYTES_STRING("a@b")), -EDOM);
        assert_int_equal(messenger_rename(fixture->people[0].messenger, group_of(0), BYTES_STRING("climbers")), 0);
        assert_int_equal(messenger_rename(fixture->people[1].messenger, group_of(1), BYTES_STRING("hikers")), 0);
        post(0);
        person_restart(&fixture->people[1]);
        settle();
        for (unsigned who = 0; who < 3; who++) {
                person_restart(&fixture->people[who]);
                assert_string_equal(group_of(who)->name, "hikers"); /* it was made anew on top of the other */
        }
        assert_history(2, "* You were added to “friends”.|* The name is now “climbers”.|* The name is now “hikers”.|");
        sign_up(3);
        assert_int_equal(change(2, NULL, 3, 4), 0);
        settle();
        assert_history(3, "* You were added to “hikers”.|");
}

/* A seeded walk of eight people through all of it, with restarts and arrivals at any time. */
static void a_random_walk_ends_in_agreement(void **state)
{
        uint32_t seed = 20260;
        unsigned said = 0;

        create(PEOPLE);
        for (unsigned who = 1; who < PEOPLE; who += 2) {
                give_role(0, who, who % 4 == 1 ? ROLE_ADMIN : ROLE_OWNER);
                settle();
        }
        for (unsigned step = 0; step < 60; step++) {
                unsigned who, whom, what;

                seed = seed * 1664525 + 1013904223;
                who = seed >> 8 & 7;
                whom = seed >> 12 & 7;
                what = seed >> 16 & 7;
                if (what == 0)
                        person_restart(&fixture->people[who]);
                else if (what == 1 || !group_of(who)->memberships)
                        settle();
                else if (what == 2 && whom > 1)
                        (void) messenger_remove_member(fixture->people[who].messenger, group_of(who),
                                                       fixture->people[whom].address);
                else if (what == 3 || what == 2)
                        (void) change(who, NULL, whom, whom + 1);
                else if (what == 4 && who > 1)
                        (void) messenger_leave(fixture->people[who].messenger, group_of(who));
                else if (messenger_send(fixture->people[who].messenger, group_of(who), BYTES_STRING("x"), 1,
                                        &(uint64_t){ 0 }) == 0)
                        said++;
                if (what > 4)
                        post(who);
        }
        settle();
        say(0, "the end");
        settle();
        assert_true(said > 10);
        for (unsigned who = 1; who < PEOPLE; who++) {
                const struct membership *mine = group_of(0)->memberships, *other = group_of(who)->memberships;
                static char found[16384];

                if (!other)
                        continue;
                assert_int_equal(membership_epoch(other), membership_epoch(mine));
                assert_true(secret_equal(secret_bytes(group_epoch_authenticator(other->group)),
                                         secret_bytes(group_epoch_authenticator(mine->group))));
                write_history(who, found, sizeof(found));
                assert_non_null(strstr(found, "alice@hub.example.org:7843: the end|"));
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_make, hub_release)
        const struct CMUnitTest tests[] = {
                TEST(three_people_talk),
                TEST(who_is_added_reads_nothing_earlier_and_who_is_removed_nothing_more),
                TEST(who_leaves_is_taken_out_by_another),
                TEST(changes_race_and_all_of_them_come_about),
                TEST(two_add_the_same_person),
                TEST(a_message_overtakes_the_outcome_of_a_commit),
                TEST(a_group_of_one_waits_for_others),
                TEST(another_key_is_marked),
                TEST(whom_the_hub_refuses_is_not_added),
                TEST(whose_account_is_gone_can_be_removed),
                TEST(a_full_mailbox_holds_up_nobody_else),
                TEST(two_names_race_and_all_agree_on_one),
                TEST(a_random_walk_ends_in_agreement),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
