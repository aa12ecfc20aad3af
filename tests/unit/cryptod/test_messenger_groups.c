/* Groups of three to eight people over a hub that the test plays: mailboxes, the compare-and-set of epochs, and every
 * order of arrivals and outcomes that a real one can bring about. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/list.h"
#include "messenger_person.h"
#include "services/cleanup.h"

enum { PEOPLE = 8, MAIL_MAX = 512, GROUPS_MAX = 4 };

static const char *const names[PEOPLE] = { "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi" };

/* What waits for somebody: an envelope, or the outcome of one of theirs. */
struct mail {
        struct writer content;
        bool is_outcome;
        uint8_t id[ENVELOPE_ID_SIZE];
        enum outcome outcome;
};

struct fixture {
        struct person people[PEOPLE];
        struct mail mail[PEOPLE][MAIL_MAX];
        unsigned first[PEOPLE], end[PEOPLE];
        uint64_t posted[PEOPLE]; /* the last envelope that the hub has had */
        struct {
                uint8_t id[16];
                uint64_t epoch;
        } groups[GROUPS_MAX];
        unsigned group_count;
        bool deleted[PEOPLE]; /* who has no account at the hub any more */
        unsigned stale;       /* commits that the hub refused */
};

static struct fixture *fixture;

static struct mail *put(unsigned who)
{
        assert_true(fixture->end[who] < MAIL_MAX);
        return &fixture->mail[who][fixture->end[who]++];
}

/* The hub's compare-and-set. */
static bool take_commit(struct bytes group, uint64_t epoch)
{
        for (unsigned i = 0; i < fixture->group_count; i++) {
                if (bytes_equal(BYTES_OF(fixture->groups[i].id), group)) {
                        if (fixture->groups[i].epoch != epoch)
                                return false;
                        fixture->groups[i].epoch++;
                        return true;
                }
        }
        assert_true(fixture->group_count < GROUPS_MAX);
        memcpy(fixture->groups[fixture->group_count].id, group.data, 16);
        fixture->groups[fixture->group_count++].epoch = epoch + 1;
        return true;
}

/* Takes all that somebody's outbox has to the hub, which puts it into the mailboxes; the outcomes wait among the mail.
 */
static void post(unsigned who)
{
        for (;;) {
                _cleanup_(envelope_release) struct envelope e = { 0 };
                enum outcome outcome = OUTCOME_STORED;
                struct mail *m;

                if (messenger_next_envelope(fixture->people[who].messenger, fixture->posted[who], &e) == 0)
                        return;
                fixture->posted[who] = e.number;
                for (unsigned to = 0; to < PEOPLE; to++) {
                        if (fixture->deleted[to] && list_holds(e.recipients, BYTES_STRING(fixture->people[to].address)))
                                outcome = OUTCOME_REFUSED;
                }
                if (outcome == OUTCOME_STORED && e.group.size > 0 && !take_commit(e.group, e.epoch)) {
                        outcome = OUTCOME_STALE;
                        fixture->stale++;
                }
                for (unsigned to = 0; outcome == OUTCOME_STORED && to < PEOPLE; to++) {
                        if (list_holds(e.recipients, BYTES_STRING(fixture->people[to].address)))
                                write_fixed(&put(to)->content, e.content);
                }
                m = put(who);
                m->is_outcome = true;
                memcpy(m->id, e.id, sizeof(m->id));
                m->outcome = outcome;
        }
}

static void take(unsigned who, struct mail *m)
{
        struct person *p = &fixture->people[who];

        if (m->is_outcome)
                assert_int_equal(messenger_outcome(p->messenger, BYTES_OF(m->id), m->outcome), 0);
        else
                assert_int_equal(messenger_deliver(p->messenger, ++p->sequence, writer_bytes(&m->content)), 0);
        writer_release(&m->content);
        *m = (struct mail){ 0 };
}

/* Has somebody take in all that waits; relayd hands on envelopes and outcomes each in their order, but one kind does
 * not wait for the other: @outcomes_last. */
static void fetch(unsigned who, bool outcomes_last)
{
        for (int pass = 0; pass < 2; pass++) {
                for (unsigned i = fixture->first[who]; i < fixture->end[who]; i++) {
                        struct mail *m = &fixture->mail[who][i];

                        if ((m->is_outcome || m->content.size > 0) && (pass == 1 || !outcomes_last || !m->is_outcome))
                                take(who, m);
                }
        }
        fixture->first[who] = fixture->end[who] = 0;
}

/* Until nothing is on its way any more. */
static void settle(void)
{
        for (bool busy = true; busy;) {
                busy = false;
                for (unsigned who = 0; who < PEOPLE; who++) {
                        if (!fixture->people[who].messenger)
                                continue;
                        post(who);
                        busy = busy || fixture->first[who] < fixture->end[who];
                        fetch(who, who % 2 == 1);
                }
        }
}

static void sign_up(unsigned who)
{
        char id[ACCOUNT_ID_SIZE + 1];

        snprintf(id, sizeof(id), "%032x", who + 1);
        person_sign_up(&fixture->people[who], names[who], id, PERSON_SUITE);
}

static int make(void **state)
{
        fixture = calloc(1, sizeof(*fixture));
        assert_non_null(fixture);
        for (unsigned who = 0; who < PEOPLE; who++)
                snprintf(fixture->people[who].address, sizeof(fixture->people[who].address), "%s@hub.example.org:7843",
                         names[who]);
        return 0;
}

static int release(void **state)
{
        for (unsigned who = 0; who < PEOPLE; who++) {
                for (unsigned i = 0; i < MAIL_MAX; i++)
                        writer_release(&fixture->mail[who][i].content);
                if (fixture->people[who].messenger)
                        person_release(&fixture->people[who]);
        }
        free(fixture);
        return 0;
}

/* The only group of somebody's; NULL if they have none. */
static struct conversation *group_of(unsigned who)
{
        struct conversation *found = NULL;

        for (const struct conversation *c = messenger_conversations(fixture->people[who].messenger); c; c = c->next) {
                if (c->kind != CONVERSATION_GROUP)
                        continue;
                assert_null(found);
                found = (struct conversation *) c;
        }
        return found;
}

/* People @from to @to - 1 as invitees. */
static int change(unsigned who, const char *name, unsigned from, unsigned to)
{
        struct writer packages[PEOPLE] = { 0 };
        struct invitee invitees[PEOPLE];
        struct conversation *c;
        int r;

        for (unsigned i = from; i < to; i++) {
                person_claim(&fixture->people[i], &packages[i]);
                invitees[i - from] = (struct invitee){ fixture->people[i].address, writer_bytes(&packages[i]) };
        }
        r = name ? messenger_create_group(fixture->people[who].messenger, BYTES_STRING(name), invitees, to - from, NOW,
                                          &c)
                 : messenger_add_members(fixture->people[who].messenger, group_of(who), invitees, to - from, NOW);
        for (unsigned i = from; i < to; i++)
                writer_release(&packages[i]);
        return r;
}

static void create(unsigned count)
{
        for (unsigned who = 0; who < count; who++)
                sign_up(who);
        assert_int_equal(change(0, "friends", 1, count), 0);
        settle();
}

static void say(unsigned who, const char *text)
{
        uint64_t message;

        assert_int_equal(messenger_send(fixture->people[who].messenger, group_of(who), BYTES_STRING(text), 1, &message),
                         0);
}

static void remove_member(unsigned who, unsigned whom)
{
        assert_int_equal(
                messenger_remove_member(fixture->people[who].messenger, group_of(who), fixture->people[whom].address),
                0);
}

/* The history of the group as "name: text|", "me: text|" and "* notice|". */
static void write_history(unsigned who, char *out, size_t size)
{
        static const char *const words[] = {
                [SENDER_SELF] = "me: ", [SENDER_OTHER] = "?", [SENDER_NOTICE] = "* ", [SENDER_NAMED] = ": "
        };
        struct person *p = &fixture->people[who];
        uint64_t after = 0;
        size_t used = 0;

        for (;;) {
                _cleanup_(message_release) struct message m = { 0 };

                if (history_next(p->vault, conversation_id(group_of(who)), after, &m) == 0)
                        return;
                after = m.id;
                used += (size_t) snprintf(
                        out + used, size - used, "%.*s%s%.*s|", (int) m.from.size, (const char *) m.from.data,
                        m.state == MESSAGE_STORED || m.state == MESSAGE_RECEIVED ? words[m.sender] : "not sent: ",
                        (int) m.content.text.size, (const char *) m.content.text.data);
        }
}

static void assert_history(unsigned who, const char *expected)
{
        static char found[16384];
        char *hub;

        write_history(who, found, sizeof(found));
        while ((hub = strstr(found, "@hub.example.org:7843")))
                memmove(hub, hub + 21, strlen(hub + 21) + 1);
        assert_string_equal(found, expected);
}

static void assert_members(unsigned who, const char *expected)
{
        _cleanup_writer_ struct writer list = WRITER_INIT;
        char found[512] = "";
        struct reader r;

        membership_addresses(group_of(who)->memberships, &list);
        reader_init(&r, writer_bytes(&list));
        while (reader_more(&r)) {
                struct bytes address = read_vector(&r);

                snprintf(found + strlen(found), sizeof(found) - strlen(found), "%.*s ",
                         (int) (strchr((const char *) address.data, '@') - (const char *) address.data),
                         (const char *) address.data);
        }
        assert_string_equal(found, expected);
}

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
        create(3);
        say(0, "three of us");
        settle();
        sign_up(3);
        assert_int_equal(change(1, NULL, 3, 4), 0);
        settle();
        say(0, "four of us");
        settle();
        remove_member(3, 2);
        say(3, "not for carol"); /* waits, since in this epoch she could still read it */
        assert_int_equal(history_first_unsent(fixture->people[3].vault, conversation_id(group_of(3))), 3);
        settle();
        say(0, "without carol");
        settle();
        assert_history(3, "* You were added to “friends”.|alice: four of us|me: not for carol|* You removed "
                          "carol.|alice: without carol|");
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
        assert_history(3, "* You were added to “friends”.|alice: four of us|me: not for carol|* You removed "
                          "carol.|alice: without carol|"
                          "* alice added carol.|carol: back|");
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
        assert_history(2, "* You were added to “friends”.|* alice left.|bob: alone with carol|");
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

static void whose_account_is_gone_can_be_removed(void **state)
{
        create(4);
        fixture->deleted[2] = fixture->deleted[3] = true;
        say(0, "reaches nobody");
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
        assert_history(0,
                       "* You created “friends”.|* You added bob, carol, dave.|not sent: reaches nobody|* dave left.|"
                       "* You removed carol.|bob: we two|");
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)
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
                TEST(two_names_race_and_all_agree_on_one),
                TEST(a_random_walk_ends_in_agreement),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
