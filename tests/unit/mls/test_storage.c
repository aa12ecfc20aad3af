/* A group's state on disk: only what changes is written, and what is there is always the whole of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "tests/unit/mls/people.h"

enum { SUITE = 1, WALKERS = 9, STEPS = 600, SEED = 2026, CROWD = 200, LATE_MAX = 48 };

/* -- a walk ------------------------------------------------------------------------------------------------------- */

/* A message on its way to one of them. */
struct late_message {
        unsigned to;
        uint64_t epoch;
        struct writer message;
};

struct walk {
        struct person people[WALKERS];
        struct late_message late[LATE_MAX];
        unsigned late_count;
        uint32_t random;
        bool proposed; /* something that waits for a commit */
};

static uint32_t draw(struct walk *w, uint32_t below)
{
        w->random = w->random * 1664525 + 1013904223;
        return (w->random >> 8) % below;
}

static unsigned members(const struct walk *w)
{
        unsigned n = 0;

        for (unsigned i = 0; i < WALKERS; i++)
                n += w->people[i].group != NULL;
        return n;
}

/* Somebody who is in the group, or who is not. */
static unsigned somebody(struct walk *w, bool member)
{
        unsigned i;

        do
                i = draw(w, WALKERS);
        while ((w->people[i].group != NULL) != member);
        return i;
}

static void forget_late(struct walk *w, unsigned i)
{
        writer_release(&w->late[i].message);
        w->late[i] = w->late[--w->late_count];
}

static void leave(struct walk *w, unsigned who)
{
        for (unsigned i = w->late_count; i-- > 0;)
                if (w->late[i].to == who)
                        forget_late(w, i);
        person_release(&w->people[who]);
        person_make(suite_by_id(SUITE), "walker", &w->people[who]);
}

static void follow(struct walk *w, unsigned sender, const struct writer *message)
{
        for (unsigned i = 0; i < WALKERS; i++) {
                struct person *p = &w->people[i];
                int r = i == sender || !p->group ? 0 : process(p, writer_bytes(message));

                if (r == -EKEYREVOKED)
                        leave(w, i);
                else
                        assert_int_equal(r, 0);
        }
}

static void say(struct walk *w)
{
        unsigned sender = somebody(w, true);
        _cleanup_writer_ struct writer message = WRITER_INIT;

        protect(&w->people[sender], "hello", &message);
        for (unsigned i = 0; i < WALKERS; i++) {
                struct late_message *m = &w->late[w->late_count];

                if (i == sender || !w->people[i].group || w->late_count == LATE_MAX)
                        continue;
                *m = (struct late_message){ .to = i, .epoch = group_epoch(w->people[i].group)->context.epoch };
                write_fixed(&m->message, writer_bytes(&message));
                w->late_count++;
        }
}

/* Gives a message to whom it is for, in any order, perhaps so late that its epoch is gone. */
static void hear(struct walk *w)
{
        unsigned i = w->late_count > 0 ? draw(w, w->late_count) : 0;
        struct late_message *m = &w->late[i];
        struct person *p = &w->people[m->to];

        if (w->late_count == 0)
                return;
        if (group_epoch(p->group)->context.epoch - m->epoch > GROUP_PAST_EPOCHS)
                assert_int_equal(process(p, writer_bytes(&m->message)), -ESTALE);
        else
                assert_reads(p, &m->message, "hello");
        assert_true(process(p, writer_bytes(&m->message)) < 0);
        forget_late(w, i);
}

static void propose(struct walk *w)
{
        unsigned sender = somebody(w, true);
        _cleanup_writer_ struct writer message = WRITER_INIT;

        assert_int_equal(group_propose_update(w->people[sender].group, NULL, BYTES(NULL, 0), NULL, &message), 0);
        follow(w, sender, &message);
}

/* Commits: an update, somebody who comes, or somebody who goes; sometimes it is dropped, or another is faster. */
static void commit(struct walk *w)
{
        unsigned committer = somebody(w, true), other = somebody(w, true), kind = draw(w, 6);
        unsigned newcomer = members(w) < WALKERS ? somebody(w, false) : committer;
        struct bytes package = writer_bytes(&w->people[newcomer].package);
        uint32_t leaf = group_epoch(w->people[other].group)->keys.leaf;
        struct group_change change = { .cached = draw(w, 2) == 0 };
        _cleanup_writer_ struct writer message = WRITER_INIT, welcome = WRITER_INIT, faster = WRITER_INIT,
                                       unused = WRITER_INIT;
        struct group *g = w->people[committer].group;

        if (kind < 4 && newcomer != committer)
                change = (struct group_change){ .add = &package, .add_count = 1 };
        else if (kind == 4 && other != committer)
                change = (struct group_change){ .remove = &leaf, .remove_count = 1 };
        assert_int_equal(group_commit(g, &change, NULL, &message, &welcome), 0);
        save_state(&w->people[committer]);
        if (draw(w, 5) == 0) {
                group_clear_pending(g);
                return;
        }
        if (draw(w, 5) == 0 && other != committer) {
                assert_int_equal(
                        group_commit(w->people[other].group, &(struct group_change){ 0 }, NULL, &faster, &unused), 0);
                group_merge_pending(w->people[other].group);
                follow(w, other, &faster);
                return;
        }
        group_merge_pending(g);
        follow(w, committer, &message);
        if (change.add_count > 0)
                join(&w->people[newcomer], writer_bytes(&welcome));
}

/* What is saved after each step is the whole state, whether it is read back or not. Some steps are not saved, so that
 * the next save finds several. */
static void save_all(struct walk *w)
{
        for (unsigned i = 0; i < WALKERS; i++) {
                struct person *p = &w->people[i];
                unsigned what = draw(w, 8);

                if (p->group && what == 0)
                        restart(p);
                else if (p->group && what < 7)
                        save_state(p);
        }
}

static void what_is_saved_after_each_step_is_the_whole_state(void **state)
{
        static void (*const steps[])(struct walk *
                                     w) = { say, say, say, hear, hear, hear, hear, commit, commit, propose };
        struct walk w = { .random = SEED };
        struct person *first = NULL;

        for (unsigned i = 0; i < WALKERS; i++)
                person_make(suite_by_id(SUITE), "walker", &w.people[i]);
        create(suite_by_id(SUITE), &w.people[0]);
        for (unsigned i = 0; i < STEPS; i++) {
                steps[draw(&w, COUNT_OF(steps))](&w);
                save_all(&w);
        }
        for (unsigned i = 0; i < WALKERS; i++)
                if (w.people[i].group && first)
                        assert_agreed(first, &w.people[i]);
                else if (w.people[i].group)
                        first = &w.people[i];
        while (w.late_count > 0)
                forget_late(&w, 0);
        people_release(w.people, WALKERS);
}

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
                cmocka_unit_test(what_is_saved_after_each_step_is_the_whole_state),
                cmocka_unit_test(of_a_commit_that_lost_nothing_is_left),
                cmocka_unit_test(a_part_that_is_missing_is_missed),
                cmocka_unit_test(the_state_of_another_version_is_said_to_be_one),
                cmocka_unit_test(a_message_writes_its_sender_alone),
                cmocka_unit_test(a_commit_writes_a_path_and_an_epoch),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
