/* A group's state on disk: how little a step writes, and what is missed when it is read. That it is always whole is the
 * random walk's to show. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "tests/unit/mls/people.h"

enum { SUITE = 1, CROWD = 200 };

/* An epoch that did not come to be was larger than the one of the same number that did. */
static void of_a_commit_that_lost_nothing_is_left(void **state)
{
        enum { MORE = 4 };
        struct person people[MEMBERS], more[MORE];
        struct bytes packages[MORE];
        struct group_change larger = { .add = packages, .add_count = MORE };
        _cleanup_writer_ struct writer lost = WRITER_INIT, won = WRITER_INIT, welcome = WRITER_INIT;

        gather(suite_by_id(SUITE), people);
        for (unsigned i = 0; i < MORE; i++) {
                person_make(suite_by_id(SUITE), "newcomer", &more[i]);
                packages[i] = writer_bytes(&more[i].package);
        }
        assert_int_equal(group_commit(people[0].group, &larger, NULL, &lost, &welcome), 0);
        restart(&people[0]);
        assert_int_equal(group_commit(people[1].group, &(struct group_change){ 0 }, NULL, &won, &welcome), 0);
        assert_int_equal(process(&people[0], writer_bytes(&won)), 0);
        restart(&people[0]);
        people_release(people, MEMBERS);
        people_release(more, MORE);
}

static int read_disk(const struct disk *d)
{
        _cleanup_writer_ struct writer content = disk_content(d);
        _cleanup_group_ struct group *g = NULL;
        struct reader r;

        reader_init(&r, writer_bytes(&content));
        return group_read(&r, &g);
}

/* Past epochs, the current one, one to come, and messages sent and skipped: a part of each kind but a proposal. */
static void a_part_that_is_missing_is_missed(void **state)
{
        struct person people[MEMBERS];
        struct disk *d = &people[0].disk;
        _cleanup_writer_ struct writer message = WRITER_INIT, commit = WRITER_INIT, welcome = WRITER_INIT;

        gather(suite_by_id(SUITE), people);
        protect(&people[1], "hello", &message);
        assert_reads(&people[0], &message, "hello");
        assert_int_equal(group_commit(people[0].group, &(struct group_change){ 0 }, NULL, &commit, &welcome), 0);
        save_state(&people[0]);
        assert_int_equal(read_disk(d), 0);
        for (size_t i = 0; i < d->count; i++) {
                struct disk without = { .parts = d->parts + 1, .count = d->count - 1 };
                struct disk_part missing = d->parts[i];

                memmove(d->parts + 1, d->parts, i * sizeof(missing));
                assert_int_equal(read_disk(&without), -EBADMSG);
                memmove(d->parts, d->parts + 1, i * sizeof(missing));
                d->parts[i] = missing;
        }
        people_release(people, MEMBERS);
}

static void a_secret_that_is_missing_is_missed(void **state)
{
        struct person p;

        person_make(suite_by_id(SUITE), "alice", &p);
        create(suite_by_id(SUITE), &p);

        struct key_schedule *k = (struct key_schedule *) &group_epoch(p.group)->schedule;
        struct secret **secrets[] = { &k->sender_data_secret, &k->membership_key, &k->resumption_psk, &k->init_secret };

        for (size_t i = 0; i < COUNT_OF(secrets); i++) {
                struct secret *missing = TAKE(*secrets[i]);
                _cleanup_writer_ struct writer w = state_of(&p);
                _cleanup_group_ struct group *g = NULL;
                struct reader r;

                reader_init(&r, writer_bytes(&w));
                assert_int_equal(group_read(&r, &g), -EBADMSG);
                *secrets[i] = missing;
        }
        person_release(&p);
}

static void the_state_of_another_version_is_said_to_be_one(void **state)
{
        struct person p;

        person_make(suite_by_id(SUITE), "alice", &p);
        create(suite_by_id(SUITE), &p);
        save_state(&p);
        p.disk.parts[0].content.data[0]--;
        assert_int_equal(read_disk(&p.disk), -EPROTONOSUPPORT);
        person_release(&p);
}

/* -- how much is written ------------------------------------------------------------------------------------------ */

/* Alice has added all others at once; one of them has joined. */
static void make_crowd(struct person *alice, struct person *bob)
{
        static struct person others[CROWD - 1];
        struct bytes packages[CROWD - 1];
        struct group_change change = { .add = packages, .add_count = CROWD - 1 };
        _cleanup_writer_ struct writer message = WRITER_INIT, welcome = WRITER_INIT;

        person_make(suite_by_id(SUITE), "alice", alice);
        create(suite_by_id(SUITE), alice);
        for (unsigned i = 0; i < CROWD - 1; i++) {
                person_make(suite_by_id(SUITE), "bob", &others[i]);
                packages[i] = writer_bytes(&others[i].package);
        }
        assert_int_equal(group_commit(alice->group, &change, NULL, &message, &welcome), 0);
        group_merge_pending(alice->group);
        *bob = others[CROWD / 2];
        others[CROWD / 2] = (struct person){ 0 };
        join(bob, writer_bytes(&welcome));
        people_release(others, CROWD - 1);
        save_state(alice);
        save_state(bob);
}

static void assert_wrote_at_most(const struct person *p, size_t puts, size_t bytes)
{
        assert_in_range(p->disk.puts, 1, puts);
        assert_in_range(p->disk.bytes, 1, bytes);
        assert_in_range(p->disk.drops, 0, 3);
}

static void assert_writes_at_most(struct person *p, size_t puts, size_t bytes)
{
        save_state(p);
        assert_wrote_at_most(p, puts, bytes);
}

static void a_message_writes_its_sender_alone(void **state)
{
        struct person alice, bob;

        make_crowd(&alice, &bob);
        for (unsigned i = 0; i < 3; i++) {
                _cleanup_writer_ struct writer message = WRITER_INIT, answer = WRITER_INIT;
                size_t puts = i == 0 ? 3 : 1; /* the first one splits the secrets of eight levels, in two parts */

                protect(&alice, "hello", &message);
                assert_writes_at_most(&alice, puts, puts * 320);
                assert_reads(&bob, &message, "hello");
                assert_writes_at_most(&bob, puts, puts * 320);
                protect(&bob, "hello", &answer);
                assert_writes_at_most(&bob, puts, puts * 320);
                assert_reads(&alice, &answer, "hello");
                assert_writes_at_most(&alice, puts, puts * 320);
                save_state(&alice);
                assert_int_equal(alice.disk.puts + alice.disk.drops, 0);
        }
        person_release(&alice);
        person_release(&bob);
}

/* A path of nine nodes is written with its epoch, as the difference of two trees, and again node by node when that
 * epoch has become the oldest one. */
static void a_commit_writes_a_path_and_an_epoch(void **state)
{
        struct person alice, bob;

        make_crowd(&alice, &bob);
        for (unsigned i = 0; i < 3 * GROUP_PAST_EPOCHS; i++) {
                struct person *committer = i % 2 ? &alice : &bob, *other = i % 2 ? &bob : &alice;
                _cleanup_writer_ struct writer message = WRITER_INIT, welcome = WRITER_INIT;

                assert_int_equal(group_commit(committer->group, &(struct group_change){ 0 }, NULL, &message, &welcome),
                                 0);
                save_state(committer);
                if (i > GROUP_PAST_EPOCHS) /* the one that brought the crowd in is over */
                        assert_wrote_at_most(committer, 7, 4000);
                group_merge_pending(committer->group);
                assert_int_equal(process(other, writer_bytes(&message)), 0);
                save_state(committer);
                save_state(other);
                if (i <= GROUP_PAST_EPOCHS)
                        continue;
                assert_wrote_at_most(committer, 12, 4000);
                assert_wrote_at_most(other, 18, 6000);
        }
        person_release(&alice);
        person_release(&bob);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(of_a_commit_that_lost_nothing_is_left),
                cmocka_unit_test(a_part_that_is_missing_is_missed),
                cmocka_unit_test(a_secret_that_is_missing_is_missed),
                cmocka_unit_test(the_state_of_another_version_is_said_to_be_one),
                cmocka_unit_test(a_message_writes_its_sender_alone),
                cmocka_unit_test(a_commit_writes_a_path_and_an_epoch),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
