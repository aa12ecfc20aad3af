/* Rooms over a hub that the test plays: its roster, its compare-and-set with a GroupInfo, and what it writes into each
 * entry. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/messenger_contact.h"
#include "cryptod/conversation/messenger_room.h"
#include "messenger_person.h"
#include "services/cleanup.h"

enum { PEOPLE = 3, MAIL_MAX = 256 };

static const char *const names[PEOPLE] = { "alice", "bob", "carol" };

struct mail {
        struct writer content; /* of an entry */
        bool is_outcome;
        uint8_t id[ENVELOPE_ID_SIZE];
        enum outcome outcome;
        char departed[64];
};

static struct play {
        struct person people[PEOPLE];
        struct mail mail[PEOPLE][MAIL_MAX];
        unsigned first[PEOPLE], end[PEOPLE];
        uint64_t posted[PEOPLE];
        /* The room. */
        struct writer group, info;
        uint64_t epoch;
        bool roster[PEOPLE], departed[PEOPLE];
        unsigned stale, joins; /* that were refused; that were tried by the messengers themselves */
        const char *lie;       /* whom the hub says that a joiner is */
} play;

static struct mail *put(unsigned who)
{
        assert_true(play.end[who] < MAIL_MAX);
        return &play.mail[who][play.end[who]++];
}

static void take_off(unsigned who)
{
        bool any = false;

        play.departed[who] = play.roster[who] || play.departed[who];
        play.roster[who] = false;
        for (unsigned i = 0; i < PEOPLE; i++)
                any = any || play.roster[i];
        if (any)
                return;
        writer_release(&play.group);
        writer_release(&play.info);
        play.epoch = 0;
        memset(play.departed, 0, sizeof(play.departed));
}

static void fan_out(unsigned from, enum room_step step, struct bytes payload)
{
        struct bytes sender = step == ROOM_JOIN ? BYTES_STRING(play.lie ? play.lie : names[from]) : BYTES(NULL, 0);

        for (unsigned to = 0; to < PEOPLE; to++) {
                struct writer *w;

                if (to == from || !play.roster[to])
                        continue;
                w = &put(to)->content;
                write_u16(w, 0xfff1);
                write_u8(w, (uint8_t) step);
                write_vector(w, sender);
                write_vector(w, payload);
        }
}

/* What the hub does with the body of a SEND_TO_ROOM. */
static enum outcome take_post(unsigned from, struct bytes body)
{
        struct reader r;

        reader_init(&r, body);
        struct bytes room = read_vector(&r), group = read_vector(&r);
        enum room_step step = (enum room_step) read_u8(&r);
        uint64_t epoch = read_u64(&r);
        struct bytes removed = read_vector(&r), info = read_vector(&r), payload = read_vector(&r), name;
        bool same = bytes_equal(group, writer_bytes(&play.group));

        assert_int_equal(reader_finish(&r), 0);
        assert_true(bytes_equal(room, BYTES_STRING("general")));
        assert_true(payload.size > 0 && (info.size > 0) == (step >= ROOM_COMMIT));
        if (step != ROOM_JOIN && (!play.roster[from] || !same))
                return OUTCOME_OUTSIDE;
        if (step >= ROOM_COMMIT && play.group.size > 0 && (!same || epoch != play.epoch)) {
                play.stale++;
                return OUTCOME_STALE;
        }
        if (step == ROOM_JOIN) {
                play.roster[from] = true;
                play.departed[from] = false;
        }
        fan_out(from, step, payload);
        if (step == ROOM_LEAVE)
                take_off(from);
        if (step < ROOM_COMMIT)
                return OUTCOME_STORED;
        if (!same)
                write_fixed(&play.group, group);
        writer_release(&play.info);
        write_fixed(&play.info, info);
        play.epoch = epoch + 1;
        reader_init(&r, removed);
        while (reader_more(&r)) {
                name = read_vector(&r);
                for (unsigned i = 0; i < PEOPLE; i++) {
                        if (bytes_equal(name, BYTES_STRING(i == 1 && play.lie ? play.lie : names[i])))
                                play.roster[i] = play.departed[i] = false;
                }
        }
        return OUTCOME_STORED;
}

static void post(unsigned who)
{
        for (;;) {
                _cleanup_(envelope_release) struct envelope e = { 0 };
                struct mail *m;
                enum outcome outcome = OUTCOME_STORED;

                if (messenger_next_envelope(play.people[who].messenger, play.posted[who], &e) == 0)
                        return;
                play.posted[who] = e.number;
                if (e.is_for_room)
                        outcome = take_post(who, e.content);
                m = put(who);
                m->is_outcome = true;
                m->outcome = outcome;
                memcpy(m->id, e.id, sizeof(m->id));
                for (unsigned i = 0; outcome == OUTCOME_STORED && i < PEOPLE; i++) {
                        if (play.departed[i])
                                (void) sprintf(m->departed + strlen(m->departed), "%s ", names[i]);
                }
        }
}

static void take(unsigned who, struct mail *m)
{
        struct person *p = &play.people[who];

        if (m->is_outcome) {
                assert_int_equal(messenger_departed(p->messenger, BYTES_OF(m->id), m->departed), 0);
                assert_int_equal(messenger_outcome(p->messenger, BYTES_OF(m->id), m->outcome), 0);
        } else {
                assert_int_equal(messenger_deliver(p->messenger, ++p->sequence, writer_bytes(&m->content)), 0);
        }
        writer_release(&m->content);
        *m = (struct mail){ 0 };
}

/* One kind does not wait for the other. */
static void fetch(unsigned who, bool outcomes_last)
{
        unsigned end = play.end[who];

        for (int pass = 0; pass < 2; pass++) {
                for (unsigned i = play.first[who]; i < end; i++) {
                        struct mail *m = &play.mail[who][i];

                        if ((m->is_outcome || m->content.size > 0) && (pass == 1 || !outcomes_last || !m->is_outcome))
                                take(who, m);
                }
        }
        play.first[who] = end;
}

static void write_state(struct writer *w)
{
        write_vector(w, writer_bytes(&play.group));
        write_u64(w, play.epoch);
        write_vector(w, writer_bytes(&play.info));
}

/* People come in their order, and have no vault before. */
static int join_by(unsigned who, const struct writer *state)
{
        struct conversation *c;

        if (!play.people[who].messenger) {
                char id[ACCOUNT_ID_SIZE + 1];

                snprintf(id, sizeof(id), "%032x", who + 1);
                person_sign_up(&play.people[who], names[who], id, PERSON_SUITE);
        }
        return messenger_join_room(play.people[who].messenger, BYTES_STRING("general"), writer_bytes(state), NOW, &c);
}

static int join(unsigned who)
{
        _cleanup_writer_ struct writer state = WRITER_INIT;

        write_state(&state);
        return join_by(who, &state);
}

/* Until nothing is on its way any more. What is to be joined again is, as cryptod does it. */
static void settle(void)
{
        for (bool busy = true; busy;) {
                busy = false;
                for (unsigned who = 0; who < PEOPLE && play.people[who].messenger; who++) {
                        post(who);
                        busy = busy || play.first[who] < play.end[who];
                        fetch(who, who % 2 == 1);
                        if (messenger_next_room(play.people[who].messenger)) {
                                assert_true(++play.joins < 100);
                                assert_int_equal(join(who), 0);
                                busy = true;
                        }
                }
        }
}

static int make(void **state)
{
        play = (struct play){ 0 };
        return 0;
}

static int release(void **state)
{
        for (unsigned who = 0; who < PEOPLE; who++) {
                for (unsigned i = 0; i < MAIL_MAX; i++)
                        writer_release(&play.mail[who][i].content);
                if (play.people[who].messenger)
                        person_release(&play.people[who]);
        }
        writer_release(&play.group);
        writer_release(&play.info);
        return 0;
}

static struct conversation *room_of(unsigned who)
{
        struct conversation *c = messenger_room(play.people[who].messenger, BYTES_STRING("general"));

        assert_non_null(c);
        return c;
}

static void say(unsigned who, const char *text)
{
        uint64_t message;

        assert_int_equal(messenger_send(play.people[who].messenger, room_of(who), BYTES_STRING(text), 1, &message), 0);
}

/* As "name: text|", "me: text|" and "* notice|", a ! before what has not reached the hub. */
static void assert_history(unsigned who, const char *expected)
{
        static const char *const words[] = {
                [SENDER_SELF] = "me: ", [SENDER_OTHER] = "?", [SENDER_NOTICE] = "* ", [SENDER_NAMED] = ": "
        };
        static char found[16384];
        struct person *p = &play.people[who];
        uint64_t after = 0;
        size_t used = 0;
        char *hub;

        found[0] = '\0';
        for (;;) {
                _cleanup_(message_release) struct message m = { 0 };

                if (history_next(p->vault, conversation_id(room_of(who)), after, &m) == 0)
                        break;
                after = m.id;
                used += (size_t) snprintf(
                        found + used, sizeof(found) - used, "%s%.*s%s%.*s|",
                        m.state == MESSAGE_STORED || m.state == MESSAGE_RECEIVED || m.state == MESSAGE_NOTICE ? ""
                                                                                                              : "!",
                        (int) m.from.size, (const char *) m.from.data, words[m.sender], (int) m.content.text.size,
                        (const char *) m.content.text.data);
        }
        while ((hub = strstr(found, "@hub.example.org:7843")))
                memmove(hub, hub + 21, strlen(hub + 21) + 1);
        assert_string_equal(found, expected);
}

static void assert_members(unsigned who, const char *expected)
{
        _cleanup_writer_ struct writer list = WRITER_INIT;
        char found[512] = "";
        struct reader r;

        membership_addresses(room_of(who)->memberships, &list);
        reader_init(&r, writer_bytes(&list));
        while (reader_more(&r)) {
                struct bytes address = read_vector(&r);

                snprintf(found + strlen(found), sizeof(found) - strlen(found), "%.*s ",
                         (int) (strchr((const char *) address.data, '@') - (const char *) address.data),
                         (const char *) address.data);
        }
        assert_string_equal(found, expected);
}

static void gather(unsigned count)
{
        for (unsigned who = 0; who < count; who++) {
                assert_int_equal(join(who), 0);
                settle();
        }
}

static void everybody_hears_everybody_and_who_comes_late_nothing_earlier(void **state)
{
        assert_int_equal(join(0), 0);
        say(0, "anybody?"); /* waits for the hub */
        settle();
        assert_true(messenger_is_in_room(room_of(0)));
        assert_int_equal(join(1), 0);
        settle();
        say(0, "hello bob");
        say(1, "hello alice");
        settle();
        assert_int_equal(join(2), 0);
        say(2, "me too");
        settle();
        say(1, "three now");
        settle();
        assert_history(0, "me: anybody?|* You are in #general.|* bob joined.|me: hello bob|bob: hello alice|* carol "
                          "joined.|carol: me too|bob: three now|");
        assert_history(1, "* You are in #general.|me: hello alice|alice: hello bob|* carol joined.|carol: me too|me: "
                          "three now|");
        assert_history(2, "me: me too|* You are in #general.|bob: three now|");
        assert_members(2, "alice bob carol ");
        assert_string_equal(conversation_title(room_of(2)), "#general");
}

static void of_two_who_come_at_once_one_begins_the_room_and_both_are_in_it(void **state)
{
        assert_int_equal(join(0), 0);
        assert_int_equal(join(1), 0); /* while nobody is in it yet */
        say(1, "was I first?");
        settle();
        assert_int_equal(play.stale, 1);
        assert_members(0, "alice bob ");
        assert_history(0, "* You are in #general.|* bob joined.|bob: was I first?|");
        assert_history(1, "me: was I first?|* You are in #general.|");
}

static void a_joiner_and_a_committer_race_and_both_come_through(void **state)
{
        for (unsigned first = 0; first < 2; first++) {
                if (first == 1) {
                        release(NULL);
                        make(NULL);
                }
                gather(2);
                assert_int_equal(join(2), 0);
                assert_int_equal(messenger_update(play.people[0].messenger, room_of(0)), 0);
                post(first == 0 ? 0 : 2); /* whoever comes first wins the epoch */
                settle();
                assert_int_equal(play.stale, 1);
                assert_members(1, "alice bob carol ");
                say(0, "a");
                say(2, "c");
                settle();
                assert_history(1, "* You are in #general.|* carol joined.|alice: a|carol: c|");
        }
}

static void who_leaves_is_taken_out_and_reads_nothing_more(void **state)
{
        gather(3);
        assert_int_equal(messenger_leave(play.people[1].messenger, room_of(1)), 0);
        settle();
        say(0, "without bob");
        settle();
        assert_history(1, "* You are in #general.|* carol joined.|* You left.|");
        assert_history(2, "* You are in #general.|* bob left.|alice: without bob|");
        assert_members(2, "alice carol ");
        assert_null(room_of(1)->memberships);
        /* And comes back into the same conversation. */
        assert_int_equal(join(1), 0);
        settle();
        say(2, "bob?");
        settle();
        assert_history(1, "* You are in #general.|* carol joined.|* You left.|* You are in #general.|carol: bob?|");
}

static void the_last_to_leave_takes_the_group_along(void **state)
{
        gather(2);
        for (unsigned who = 0; who < 2; who++) {
                assert_int_equal(messenger_leave(play.people[who].messenger, room_of(who)), 0);
                settle();
                assert_null(room_of(who)->memberships);
        }
        assert_int_equal(play.group.size, 0);
        assert_int_equal(join(1), 0);
        settle();
        assert_members(1, "bob ");
}

/* An account that the hub has deleted, or whose proposal was lost. */
static void who_has_vanished_is_removed_by_whoever_speaks_next(void **state)
{
        gather(3);
        take_off(2);
        say(0, "carol?");
        settle();
        assert_members(1, "alice bob ");
        assert_false(play.departed[2]);
        assert_history(1, "* You are in #general.|* carol joined.|alice: carol?|* carol left.|");
}

static void who_was_gone_and_is_back_meanwhile_is_not_removed(void **state)
{
        gather(3);
        take_off(2);
        say(0, "carol?");
        post(0);
        assert_int_equal(messenger_leave(play.people[2].messenger, room_of(2)), 0);
        post(2); /* outside already */
        fetch(2, false);
        assert_null(room_of(2)->memberships);
        assert_int_equal(join(2), 0);
        post(2);
        assert_true(play.roster[2]);
        settle();
        say(2, "here");
        settle();
        assert_members(0, "alice bob carol ");
        assert_history(0, "* You are in #general.|* bob joined.|* carol joined.|me: carol?|carol: here|");
}

static void who_is_outside_joins_again_and_what_was_said_is_not_lost(void **state)
{
        gather(2);
        take_off(1);
        say(1, "first");
        say(1, "second");
        settle();
        assert_int_equal(play.joins, 1);
        assert_history(0, "* You are in #general.|* bob joined.|bob: first|bob: second|");
        assert_members(0, "alice bob ");
        assert_history(1, "* You are in #general.|me: first|me: second|* You are in #general.|");
}

static void a_restart_at_any_moment_of_joining_changes_nothing(void **state)
{
        gather(1);
        assert_int_equal(join(1), 0);
        person_restart(&play.people[1]);
        post(1);
        person_restart(&play.people[1]); /* the hub has taken it, and nobody has heard */
        say(1, "x");
        play.posted[1] = 0;
        settle();
        person_restart(&play.people[1]);
        say(0, "hello");
        settle();
        assert_history(1, "me: x|* You are in #general.|alice: hello|");

        assert_int_equal(join(2), 0);
        assert_int_equal(messenger_update(play.people[0].messenger, room_of(0)), 0);
        post(0);
        post(2);
        fetch(2, false); /* too late, so it is to be joined again */
        person_restart(&play.people[2]);
        assert_string_equal(messenger_next_room(play.people[2].messenger), "general");
        say(2, "I wait");
        settle();
        assert_history(2, "me: I wait|* You are in #general.|");
}

/* The hub's word against a credential's. */
static void who_comes_under_anothers_name_is_told_of_and_turned_out(void **state)
{
        gather(1);
        play.lie = "mallory";
        assert_int_equal(join(1), 0);
        settle();
        play.lie = NULL;
        assert_false(play.roster[1]);
        assert_null(room_of(1)->memberships);
        assert_int_equal(join(2), 0);
        settle();
        assert_members(0, "alice carol ");
        assert_history(0, "* You are in #general.|* The account mallory has come in under the name bob, which is not "
                          "its own. What is said here under that name may be said by somebody else.|* bob joined.|"
                          "* bob left.|* carol joined.|");
        assert_null(messenger_contact(play.people[0].messenger, play.people[1].address));
        assert_non_null(messenger_contact(play.people[0].messenger, play.people[2].address));
}

/* A commit that nobody can follow moves the hub on; the others join what is there. */
static void a_commit_that_nobody_can_follow_costs_a_join(void **state)
{
        struct bytes broken;

        gather(3);
        assert_int_equal(messenger_update(play.people[2].messenger, room_of(2)), 0);
        post(2);
        for (unsigned who = 0; who < 2; who++) { /* its copies arrive damaged */
                struct mail *m = &play.mail[who][play.end[who] - 1];

                broken = writer_bytes(&m->content);
                ((uint8_t *) broken.data)[broken.size - 1] ^= 1;
        }
        settle();
        say(0, "still here");
        say(1, "me too");
        say(2, "and me");
        settle();
        assert_true(play.joins >= 2);
        assert_members(2, "alice bob carol ");
        assert_history(2, "* You are in #general.|me: and me|alice: still here|bob: me too|");
}

/* The epoch in a message's head is what its sender writes there. */
static void what_is_said_in_an_epoch_that_has_not_come_costs_nothing(void **state)
{
        struct room_entry e;
        struct writer *w;

        gather(2);
        say(1, "of the future");
        post(1);
        w = &play.mail[0][play.end[0] - 1].content;
        assert_int_equal(room_entry_read(writer_bytes(w), &e), 0);
        /* uint16 version, wire_format; opaque group_id<V> of 16 bytes; uint64 epoch */
        ((uint8_t *) e.payload.data)[4 + 17 + 7] += 5;
        fetch(0, false);
        settle();
        assert_int_equal(play.joins, 0);
        say(1, "of now");
        settle();
        assert_history(0, "* You are in #general.|* bob joined.|bob: of now|");
}

static void a_copy_of_an_old_disk_joins_anew(void **state)
{
        gather(2);
        assert_int_equal(
                messenger_witness(play.people[1].messenger, &(struct witness){ .queued = 1000, .delivered = 1000 }), 1);
        play.people[1].sequence = 1000;
        settle();
        say(1, "back");
        settle();
        assert_members(0, "alice bob ");
        assert_history(0, "* You are in #general.|* bob joined.|bob: back|");
}

/* What a hub may say of a room that is not the one. */
static void a_state_that_is_forged_or_anothers_is_refused(void **state)
{
        _cleanup_writer_ struct writer good = WRITER_INIT, cut = WRITER_INIT, other = WRITER_INIT;
        struct conversation *c;

        gather(1);
        write_state(&good);
        for (size_t n = 0; n < good.size; n += 97) {
                good.data[n] ^= 1;
                assert_true(join_by(1, &good) < 0);
                good.data[n] ^= 1;
        }
        write_fixed(&cut, BYTES(good.data, good.size - 1));
        assert_int_equal(join_by(1, &cut), -EBADMSG);
        assert_int_equal(
                messenger_join_room(play.people[1].messenger, BYTES_STRING("lounge"), writer_bytes(&good), NOW, &c),
                -EBADMSG);
        write_vector(&other, writer_bytes(&play.group));
        write_u64(&other, play.epoch + 1);
        write_vector(&other, writer_bytes(&play.info));
        assert_int_equal(join_by(1, &other), -EBADMSG);
        assert_null(messenger_room(play.people[1].messenger, BYTES_STRING("general")));
        assert_int_equal(join_by(1, &good), 0);
}

/* Any step but its own, or none: a member's message that is none of the hub's making. */
static void what_the_hub_has_not_seen_to_is_refused(void **state)
{
        for (unsigned step = 0; step < 5; step++) {
                struct writer *w;

                if (step > 0) {
                        release(NULL);
                        make(NULL);
                }
                gather(2);
                say(1, "said");
                post(1);
                w = &play.mail[0][play.end[0] - 1].content;
                if (step < 4) {
                        w->data[2] = (uint8_t) step;
                } else { /* the message alone, as a plain SEND would carry it */
                        _cleanup_writer_ struct writer bare = WRITER_INIT;
                        struct room_entry e;

                        assert_int_equal(room_entry_read(writer_bytes(w), &e), 0);
                        write_fixed(&bare, e.payload);
                        writer_release(w);
                        *w = bare;
                        bare = WRITER_INIT;
                }
                fetch(0, false);
                assert_history(0, step == ROOM_SAY ? "* You are in #general.|* bob joined.|bob: said|"
                                                   : "* You are in #general.|* bob joined.|");
        }
}

static void nobody_is_added_removed_or_renamed(void **state)
{
        gather(2);
        assert_int_equal(messenger_remove_member(play.people[0].messenger, room_of(0), play.people[1].address),
                         -EOPNOTSUPP);
        assert_int_equal(messenger_add_members(play.people[0].messenger, room_of(0), NULL, 0, NOW), -EOPNOTSUPP);
        assert_int_equal(messenger_rename(play.people[0].messenger, room_of(0), BYTES_STRING("lounge")), -EOPNOTSUPP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(everybody_hears_everybody_and_who_comes_late_nothing_earlier),
                TEST(of_two_who_come_at_once_one_begins_the_room_and_both_are_in_it),
                TEST(a_joiner_and_a_committer_race_and_both_come_through),
                TEST(who_leaves_is_taken_out_and_reads_nothing_more),
                TEST(the_last_to_leave_takes_the_group_along),
                TEST(who_has_vanished_is_removed_by_whoever_speaks_next),
                TEST(who_was_gone_and_is_back_meanwhile_is_not_removed),
                TEST(who_is_outside_joins_again_and_what_was_said_is_not_lost),
                TEST(a_restart_at_any_moment_of_joining_changes_nothing),
                TEST(who_comes_under_anothers_name_is_told_of_and_turned_out),
                TEST(a_commit_that_nobody_can_follow_costs_a_join),
                TEST(what_is_said_in_an_epoch_that_has_not_come_costs_nothing),
                TEST(a_copy_of_an_old_disk_joins_anew),
                TEST(a_state_that_is_forged_or_anothers_is_refused),
                TEST(what_the_hub_has_not_seen_to_is_refused),
                TEST(nobody_is_added_removed_or_renamed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
