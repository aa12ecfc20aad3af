/* Contacts and strangers: who is asked about, who is not heard, and whose key a link has pinned. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/messenger_contact.h"
#include "cryptod/conversation/messenger_content.h"
#include "cryptod/conversation/messenger_standing.h"
#include "cryptod/conversation/notification.h"
#include "messenger_hub.h"
#include "services/cleanup.h"

static struct messenger *of(unsigned who)
{
        return fixture->people[who].messenger;
}

static const char *address_of(unsigned who)
{
        return fixture->people[who].address;
}

static void sign_up_all(unsigned count)
{
        for (unsigned who = 0; who < count; who++)
                sign_up(who);
}

static int start(unsigned who, unsigned whom)
{
        _cleanup_writer_ struct writer package = WRITER_INIT;
        struct conversation *c;

        person_claim(&fixture->people[whom], &package);
        return messenger_start(of(who), address_of(whom), writer_bytes(&package), NOW, &c);
}

/* What @who has of @whom. */
static struct conversation *with(unsigned who, unsigned whom)
{
        return messenger_somebody(of(who), address_of(whom));
}

static int write_to(unsigned who, unsigned whom, const char *text)
{
        return messenger_send(of(who), with(who, whom), BYTES_STRING(text), 1, &(uint64_t){ 0 });
}

static unsigned count_messages(unsigned who, const struct conversation *c)
{
        uint64_t after = 0;

        for (unsigned n = 0;; n++) {
                _cleanup_(message_release) struct message m = { 0 };

                if (history_next(fixture->people[who].vault, conversation_id(c), after, &m) == 0)
                        return n;
                after = m.id;
        }
}

static bool is_verified(unsigned who, unsigned whom)
{
        struct contact_view v;

        assert_int_equal(messenger_contact_view(of(who), with(who, whom), &v), 0);
        return v.verified;
}

static void link_of(unsigned who, struct contact_link *l, char text[static CONTACT_LINK_MAX])
{
        messenger_contact_link(of(who), l);
        contact_link_write(l, text);
}

/* Of what @who said to @whom first. */
static enum message_state first_state(unsigned who, unsigned whom)
{
        _cleanup_(message_release) struct message m = { 0 };

        assert_int_equal(history_next(fixture->people[who].vault, conversation_id(with(who, whom)), 0, &m), 1);
        return m.state;
}

static void a_stranger_is_a_request_until_it_is_decided(void **state)
{
        sign_up_all(4);
        for (unsigned who = 1; who < 4; who++) {
                assert_int_equal(start(who, 0), 0);
                assert_int_equal(write_to(who, 0, "hello"), 0);
                assert_int_equal(with(who, 0)->standing.approval, APPROVAL_GIVEN);
        }
        settle();
        person_restart(&fixture->people[0]);
        for (unsigned who = 1; who < 4; who++) {
                assert_int_equal(with(0, who)->standing.approval, APPROVAL_REQUEST);
                assert_int_equal(count_messages(0, with(0, who)), 1);
        }
        assert_int_equal(messenger_accept_request(of(0), with(0, 1)), 0);
        assert_int_equal(messenger_accept_request(of(0), with(0, 1)), -ENOENT);
        assert_int_equal(messenger_decline_request(of(0), with(0, 1)), -ENOENT);
        assert_int_equal(write_to(0, 2, "who is it?"), 0);
        assert_int_equal(messenger_decline_request(of(0), with(0, 3)), 0);
        person_restart(&fixture->people[0]);
        assert_int_equal(with(0, 1)->standing.approval, APPROVAL_GIVEN);
        assert_int_equal(with(0, 2)->standing.approval, APPROVAL_GIVEN);
        assert_int_equal(with(0, 3)->standing.approval, APPROVAL_MET);
        assert_null(with(0, 3)->memberships);
        assert_int_equal(count_messages(0, with(0, 3)), 0);
        settle();
        assert_int_equal(count_messages(2, with(2, 0)), 2);
        /* Whoever was accepted, or answered, learns that what was said before has come. */
        assert_int_equal(messenger_send_receipts(of(0)), 0);
        settle();
        assert_int_equal(first_state(1, 0), MESSAGE_DELIVERED);
        assert_int_equal(first_state(2, 0), MESSAGE_DELIVERED);
        assert_int_equal(first_state(3, 0), MESSAGE_STORED);
        assert_int_equal(write_to(3, 0, "are you there?"), 0);
        settle();
        assert_int_equal(count_messages(0, with(0, 3)), 0);
}

static void whoever_is_blocked_is_not_heard(void **state)
{
        sign_up_all(3);
        assert_int_equal(start(1, 0), 0);
        assert_int_equal(write_to(1, 0, "first"), 0);
        settle();
        assert_int_equal(write_to(0, 1, "hello"), 0);
        settle();
        assert_int_equal(change(2, "friends", 0, 2), 0);
        settle();
        assert_int_equal(messenger_block(of(0), with(0, 1), true), 0);
        assert_int_equal(messenger_block(of(0), group_of(0), true), -EINVAL);
        person_restart(&fixture->people[0]);
        assert_int_equal(write_to(0, 1, "never"), -ECONNREFUSED);
        assert_int_equal(write_to(1, 0, "second"), 0);
        say(1, "in the group");
        say(2, "from carol");
        settle();
        assert_int_equal(count_messages(0, with(0, 1)), 2);
        assert_history(0, "* You were added to “friends”.|carol: from carol|");
        assert_int_equal(messenger_block(of(0), with(0, 1), false), 0);
        assert_int_equal(write_to(1, 0, "third"), 0);
        say(1, "again");
        settle();
        assert_int_equal(count_messages(0, with(0, 1)), 3);
        assert_history(0, "* You were added to “friends”.|carol: from carol|bob: again|");
}

static void invitations_of_the_blocked_are_dropped(void **state)
{
        struct conversation *c;

        sign_up_all(2);
        assert_int_equal(messenger_add_contact(of(0), address_of(1), NULL, false, &c), 0);
        assert_int_equal(messenger_block(of(0), c, true), 0);
        assert_int_equal(start(1, 0), 0);
        assert_int_equal(write_to(1, 0, "hello"), 0);
        assert_int_equal(change(1, "trap", 0, 1), 0);
        settle();
        assert_null(group_of(0));
        assert_null(with(0, 1)->memberships);
        assert_int_equal(count_messages(0, with(0, 1)), 0);
}

static void a_request_that_is_blocked_is_gone(void **state)
{
        sign_up_all(2);
        assert_int_equal(start(1, 0), 0);
        assert_int_equal(write_to(1, 0, "buy"), 0);
        settle();
        assert_int_equal(messenger_block(of(0), with(0, 1), true), 0);
        assert_null(with(0, 1)->memberships);
        assert_int_equal(count_messages(0, with(0, 1)), 0);
        person_restart(&fixture->people[0]);
        assert_true(with(0, 1)->standing.blocked);
}

static void nobody_is_put_into_a_group_by_a_stranger(void **state)
{
        struct conversation *c;

        sign_up_all(3);
        assert_int_equal(messenger_add_contact(of(1), address_of(0), NULL, false, &c), 0);
        assert_int_equal(change(0, "friends", 1, 3), 0);
        settle();
        say(0, "hello");
        settle();
        assert_int_equal(group_of(1)->standing.approval, APPROVAL_GIVEN); /* by a contact */
        assert_int_equal(group_of(2)->standing.approval, APPROVAL_REQUEST);
        assert_int_equal(with(2, 0)->standing.approval, APPROVAL_MET);
        assert_int_equal(messenger_decline_request(of(2), group_of(2)), 0);
        person_restart(&fixture->people[2]);
        settle();
        assert_members(0, "alice bob ");
        assert_int_equal(group_of(2)->standing.approval, APPROVAL_MET);
        /* Again: asked again; and an answer accepts. */
        assert_int_equal(change(0, NULL, 2, 3), 0);
        settle();
        assert_int_equal(group_of(2)->standing.approval, APPROVAL_REQUEST);
        say(2, "all right");
        assert_int_equal(group_of(2)->standing.approval, APPROVAL_GIVEN);
}

static void a_link_pins_a_key_and_verifies_it_in_person(void **state)
{
        struct contact_link bob, carol;
        char text[CONTACT_LINK_MAX];
        struct conversation *c;

        sign_up_all(5);
        link_of(1, &bob, text);
        link_of(2, &carol, text);
        assert_int_equal(messenger_add_contact(of(0), address_of(1), bob.pin, true, &c), 0);
        assert_int_equal(messenger_add_contact(of(0), address_of(2), carol.pin, false, &c), 0);
        assert_int_equal(messenger_add_contact(of(0), address_of(3), bob.pin, true, &c), 0); /* dave has no such key */
        assert_int_equal(messenger_add_contact(of(0), address_of(4), carol.pin, true, &c), 0);
        assert_int_equal(messenger_add_contact(of(0), address_of(0), NULL, false, &c), -EINVAL);
        person_restart(&fixture->people[0]);
        assert_false(is_verified(0, 1)); /* whose key nobody has seen yet */
        assert_int_equal(start(0, 1), 0);
        assert_int_equal(start(2, 0), 0);
        assert_int_equal(start(0, 3), -EKEYREJECTED);
        assert_int_equal(start(4, 0), 0);
        settle();
        assert_true(is_verified(0, 1));
        assert_int_equal(with(0, 2)->standing.approval, APPROVAL_GIVEN);
        assert_false(is_verified(0, 2));
        assert_null(with(0, 4)->memberships); /* refused, and shown */
        assert_int_equal(count_messages(0, with(0, 4)), 1);
        /* When the key is known, it has to be the link's. */
        assert_int_equal(messenger_add_contact(of(0), address_of(2), bob.pin, true, &c), -EKEYREJECTED);
        assert_false(is_verified(0, 2));
        assert_int_equal(messenger_add_contact(of(0), address_of(2), carol.pin, true, &c), 0);
        assert_true(is_verified(0, 2));
}

/* In a group somebody with another key than the one that was pinned is marked, and not learned. */
static void a_pinned_key_is_not_learned_from_a_group(void **state)
{
        struct contact_link bob;
        char text[CONTACT_LINK_MAX];
        struct conversation *c;
        struct member_view v;
        unsigned marked = 0;

        sign_up_all(3);
        link_of(1, &bob, text);
        assert_int_equal(messenger_add_contact(of(0), address_of(2), bob.pin, false, &c), 0);
        assert_int_equal(change(1, "friends", 2, 3), 0);
        settle();
        assert_int_equal(change(1, NULL, 0, 1), 0);
        settle();
        for (uint32_t leaf = 0; messenger_next_member(of(0), group_of(0), &leaf, &v) > 0; leaf++) {
                assert_int_equal(v.other_key, strcmp(v.address, address_of(2)) == 0);
                marked += v.other_key;
        }
        assert_int_equal(marked, 1);
        assert_int_equal(with(0, 2)->root_key.size, 0);
}

static void a_link_is_read_as_it_was_written(void **state)
{
        static const char *const bad[] = {
                "",
                "visavis:",
                "visavis:bob@hub",
                "visavis:bob@hub?hub=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "visavis:bob@hub?root=AAAA",
                "visavis:bob?root=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "https:bob@hub?root=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "visavis:bob@hub?root=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&hub=x",
        };
        struct contact_link l, again;
        char text[CONTACT_LINK_MAX], other[CONTACT_LINK_MAX];
        const char *reason;

        sign_up(0);
        link_of(0, &l, text);
        assert_int_equal(contact_link_read(text, &again, &reason), 0);
        assert_true(bytes_equal(BYTES_OF(l.pin), BYTES_OF(again.pin)) && address_equal(&l.address, &again.address));
        l.address.has_key = true;
        memset(l.address.key, 7, sizeof(l.address.key));
        contact_link_write(&l, text);
        assert_int_equal(contact_link_read(text, &again, &reason), 0);
        contact_link_write(&again, other);
        assert_string_equal(text, other);
        strcat(text, "&later=x");
        assert_int_equal(contact_link_read(text, &again, &reason), 0);
        for (unsigned i = 0; i < COUNT_OF(bad); i++) {
                reason = NULL;
                assert_int_equal(contact_link_read(bad[i], &again, &reason), -EINVAL);
                assert_non_null(reason);
        }
}

static void what_is_set_aside_comes_back_with_a_message(void **state)
{
        sign_up_all(2);
        assert_int_equal(start(1, 0), 0);
        settle();
        assert_int_equal(messenger_accept_request(of(0), with(0, 1)), 0);
        assert_int_equal(messenger_set_nickname(of(0), with(0, 1), BYTES_STRING("Bobby")), 0);
        assert_int_equal(messenger_set_nickname(of(0), with(0, 1), BYTES_STRING("a\nb")), -EINVAL);
        assert_int_equal(messenger_archive(of(0), with(0, 1), true), 0);
        assert_int_equal(messenger_mute(of(0), with(0, 1), MUTED_FOR_GOOD), 0);
        assert_int_equal(write_to(1, 0, "quiet"), 0);
        settle();
        person_restart(&fixture->people[0]);
        assert_true(with(0, 1)->standing.archived);
        assert_true(standing_is_muted(&with(0, 1)->standing, NOW));
        assert_string_equal(with(0, 1)->standing.nickname, "Bobby");
        assert_int_equal(messenger_mute(of(0), with(0, 1), 0), 0);
        assert_int_equal(write_to(1, 0, "loud"), 0);
        settle();
        person_restart(&fixture->people[0]);
        assert_false(with(0, 1)->standing.archived);
        assert_int_equal(messenger_archive(of(0), with(0, 1), true), 0);
        assert_int_equal(write_to(0, 1, "back in sight"), 0);
        settle();
        person_restart(&fixture->people[0]);
        assert_false(with(0, 1)->standing.archived);
        /* Removed: what comes next is asked about, and all of it is there. */
        assert_int_equal(messenger_remove_contact(of(0), with(0, 1)), 0);
        assert_string_equal(with(0, 1)->standing.nickname, "");
        assert_int_equal(write_to(1, 0, "still here"), 0);
        settle();
        person_restart(&fixture->people[0]);
        assert_int_equal(with(0, 1)->standing.approval, APPROVAL_REQUEST);
        assert_int_equal(count_messages(0, with(0, 1)), 4);
}

/* What somebody has said is, and a remark is not. */
static void what_is_unread_is_what_was_said(void **state)
{
        sign_up_all(2);
        assert_int_equal(change(0, "friends", 0, 2), 0);
        settle();
        assert_int_equal(messenger_rename(of(0), group_of(0), BYTES_STRING("old friends")), 0);
        settle();
        for (unsigned who = 0; who < 2; who++)
                assert_int_equal(history_unread(fixture->people[who].vault, conversation_id(group_of(who)), 0), 0);
        say(0, "hello");
        settle();
        assert_int_equal(history_unread(fixture->people[0].vault, conversation_id(group_of(0)), 0), 0);
        assert_int_equal(history_unread(fixture->people[1].vault, conversation_id(group_of(1)), 0), 1);
}

/* What may be shown of the last message of @c: "request", "title|sender|text", or "" for nothing. */
static void assert_notified(unsigned who, const struct conversation *c, const char *expected)
{
        _cleanup_(message_release) struct message last = { 0 };
        _cleanup_(notification_release) struct notification n = { 0 };
        char found[1024] = "";
        int r;

        assert_int_equal(history_last(fixture->people[who].vault, conversation_id(c), &last), 1);
        r = notification_make(fixture->people[who].vault, c, last.id, NOW, &n);
        assert_in_range(r, 0, 1);
        if (r > 0 && n.request)
                snprintf(found, sizeof(found), "request");
        else if (r > 0)
                snprintf(found, sizeof(found), "%s|%s|%s", n.title, n.sender,
                         n.text ? (const char *) n.text->data : "");
        assert_string_equal(found, expected);
}

static void what_is_notified_is_what_was_chosen(void **state)
{
        struct vault *v;
        enum notification_level level;

        sign_up_all(3);
        v = fixture->people[0].vault;
        assert_int_equal(start(1, 0), 0);
        assert_int_equal(write_to(1, 0, "one"), 0);
        settle();
        assert_notified(0, with(0, 1), "request");
        assert_int_equal(write_to(1, 0, "two"), 0);
        settle();
        assert_notified(0, with(0, 1), ""); /* once for each */
        assert_int_equal(messenger_accept_request(of(0), with(0, 1)), 0);
        assert_notified(0, with(0, 1), "bob@hub.example.org:7843|bob@hub.example.org:7843|two");
        assert_int_equal(messenger_set_nickname(of(0), with(0, 1), BYTES_STRING("Bobby")), 0);
        assert_notified(0, with(0, 1), "Bobby|bob@hub.example.org:7843|two");
        assert_int_equal(notification_level_load(v, &level), 0);
        assert_int_equal(level, NOTIFICATION_FULL);
        assert_int_equal(notification_level_store(v, NOTIFICATION_SENDER), 0);
        assert_notified(0, with(0, 1), "Bobby|bob@hub.example.org:7843|");
        assert_int_equal(notification_level_store(v, NOTIFICATION_BARE), 0);
        person_restart(&fixture->people[0]);
        v = fixture->people[0].vault;
        assert_notified(0, with(0, 1), "||");
        assert_int_equal(notification_level_store(v, NOTIFICATION_FULL), 0);
        assert_int_equal(messenger_mute(of(0), with(0, 1), NOW + 1), 0);
        assert_notified(0, with(0, 1), "");
        assert_int_equal(messenger_mute(of(0), with(0, 1), NOW), 0); /* is over */
        assert_notified(0, with(0, 1), "Bobby|bob@hub.example.org:7843|two");
        assert_int_equal(write_to(0, 1, "mine"), 0);
        assert_notified(0, with(0, 1), "");
}

static void a_long_text_is_cut_between_characters(void **state)
{
        char text[3 * 200 + 1] = "", expected[1024] = "bob@hub.example.org:7843|bob@hub.example.org:7843|";
        struct conversation *c;

        for (unsigned i = 0; i < 200; i++)
                strcat(text, "€");
        for (unsigned i = 0; i < NOTIFICATION_TEXT_MAX / 3; i++)
                strcat(expected, "€");
        sign_up_all(2);
        assert_int_equal(messenger_add_contact(of(0), address_of(1), NULL, false, &c), 0);
        assert_int_equal(start(1, 0), 0);
        assert_int_equal(write_to(1, 0, text), 0);
        settle();
        assert_notified(0, c, expected);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_make, hub_release)
        const struct CMUnitTest tests[] = {
                TEST(a_stranger_is_a_request_until_it_is_decided),
                TEST(whoever_is_blocked_is_not_heard),
                TEST(invitations_of_the_blocked_are_dropped),
                TEST(a_request_that_is_blocked_is_gone),
                TEST(nobody_is_put_into_a_group_by_a_stranger),
                TEST(a_link_pins_a_key_and_verifies_it_in_person),
                TEST(a_pinned_key_is_not_learned_from_a_group),
                TEST(a_link_is_read_as_it_was_written),
                TEST(what_is_set_aside_comes_back_with_a_message),
                TEST(what_is_notified_is_what_was_chosen),
                TEST(what_is_unread_is_what_was_said),
                TEST(what_is_notified_is_what_was_chosen),
                TEST(a_long_text_is_cut_between_characters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
