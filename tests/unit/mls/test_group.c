/* Groups among our own members, in every suite: who can read what, what is refused, and that a refusal changes nothing.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "tests/unit/mls/people.h"

static void members_read_each_other_in_every_suite(void **state)
{
        const struct suite *s;

        for (unsigned n = 0; (s = suite_at(n)); n++) {
                struct person people[MEMBERS];

                gather(s, people);
                for (unsigned i = 0; i < MEMBERS; i++) {
                        _cleanup_writer_ struct writer message = WRITER_INIT;

                        protect(&people[i], "hello", &message);
                        for (unsigned j = 0; j < MEMBERS; j++)
                                if (j != i)
                                        assert_reads(&people[j], &message, "hello");
                }
                for (unsigned i = 0; i < MEMBERS; i++)
                        person_release(&people[i]);
        }
}

static void the_removed_read_nothing_more(void **state)
{
        struct person people[MEMBERS];
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT, message = WRITER_INIT;
        uint32_t removed[] = { 1, 3 };
        struct group_change change = { .remove = removed, .remove_count = 2 };

        gather(suite_by_id(1), people);
        assert_int_equal(group_commit(people[4].group, &change, NULL, &commit, &welcome), 0);
        assert_int_equal(welcome.size, 0);
        group_merge_pending(people[4].group);
        assert_int_equal(process(&people[1], writer_bytes(&commit)), -EKEYREVOKED);
        assert_int_equal(process(&people[0], writer_bytes(&commit)), 0);
        assert_int_equal(process(&people[2], writer_bytes(&commit)), 0);
        protect(&people[0], "without you", &message);
        assert_reads(&people[2], &message, "without you");
        assert_reads(&people[4], &message, "without you");
        assert_int_equal(process(&people[1], writer_bytes(&message)), -EAGAIN);
        for (unsigned i = 0; i < MEMBERS; i++)
                person_release(&people[i]);
}

static void messages_may_come_late_and_out_of_order_but_not_twice(void **state)
{
        struct person people[MEMBERS];
        struct writer messages[3] = { 0 };
        struct group_change update = { 0 };

        gather(suite_by_id(2), people);
        for (unsigned i = 0; i < 3; i++)
                protect(&people[0], "late", &messages[i]);
        assert_reads(&people[1], &messages[2], "late");
        restart(&people[1]);
        assert_reads(&people[1], &messages[0], "late");
        assert_int_equal(process(&people[1], writer_bytes(&messages[0])), -EALREADY);
        assert_int_equal(process(&people[0], writer_bytes(&messages[0])), -EALREADY);
        for (unsigned epoch = 1; epoch <= GROUP_PAST_EPOCHS + 1; epoch++) {
                _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT;

                assert_int_equal(group_commit(people[2].group, &update, NULL, &commit, &welcome), 0);
                group_merge_pending(people[2].group);
                if (epoch == 1)
                        assert_int_equal(process(&people[3], writer_bytes(&commit)), 0);
                assert_int_equal(process(&people[1], writer_bytes(&commit)), 0);
                if (epoch == GROUP_PAST_EPOCHS)
                        assert_reads(&people[1], &messages[1], "late");
        }
        restart(&people[1]);
        assert_int_equal(process(&people[1], writer_bytes(&messages[1])), -ESTALE);
        assert_reads(&people[3], &messages[1], "late");
        for (unsigned i = 0; i < 3; i++)
                writer_release(&messages[i]);
        for (unsigned i = 0; i < MEMBERS; i++)
                person_release(&people[i]);
}

static void a_lost_race_is_dropped_and_the_winner_followed(void **state)
{
        struct person people[MEMBERS];
        _cleanup_writer_ struct writer winner = WRITER_INIT, loser = WRITER_INIT, welcome = WRITER_INIT;
        struct group_change update = { 0 };

        gather(suite_by_id(3), people);
        assert_int_equal(group_commit(people[0].group, &update, NULL, &winner, &welcome), 0);
        assert_int_equal(group_commit(people[1].group, &update, NULL, &loser, &welcome), 0);
        assert_int_equal(group_commit(people[1].group, &update, NULL, &loser, &welcome), -EBUSY);
        group_merge_pending(people[0].group);
        restart(&people[1]);
        assert_true(group_has_pending(people[1].group));
        assert_int_equal(process(&people[1], writer_bytes(&winner)), 0);
        assert_false(group_has_pending(people[1].group));
        assert_agreed(&people[0], &people[1]);
        for (unsigned i = 0; i < MEMBERS; i++)
                person_release(&people[i]);
}

/* Flips one byte after the other: each is refused, and the state is as before. */
static void assert_forgeries_change_nothing(struct person *p, const struct writer *message)
{
        _cleanup_writer_ struct writer before = state_of(p);

        for (size_t i = 0; i < message->size; i++) {
                _cleanup_writer_ struct writer after = WRITER_INIT;

                message->data[i] ^= 1;
                assert_true(process(p, writer_bytes(message)) < 0);
                message->data[i] ^= 1;
                after = state_of(p);
                assert_true(bytes_equal(writer_bytes(&before), writer_bytes(&after)));
        }
}

static void a_forged_byte_anywhere_is_refused_and_changes_nothing(void **state)
{
        struct person people[MEMBERS];
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT, first = WRITER_INIT,
                                       message = WRITER_INIT;
        struct group_change update = { 0 };

        gather(suite_by_id(1), people);
        protect(&people[0], "the first", &first);
        protect(&people[0], "as it was", &message);
        assert_reads(&people[1], &first, "the first"); /* the secret tree is opened along the sender's path by it */
        assert_forgeries_change_nothing(&people[1], &message);
        assert_reads(&people[1], &message, "as it was");
        assert_int_equal(group_commit(people[0].group, &update, NULL, &commit, &welcome), 0);
        assert_forgeries_change_nothing(&people[1], &commit);
        assert_int_equal(process(&people[1], writer_bytes(&commit)), 0);
        for (unsigned i = 0; i < MEMBERS; i++)
                person_release(&people[i]);
}

static int refuse_mallory(void *userdata, const struct leaf_node *leaf)
{
        return bytes_equal(leaf->credential.content, BYTES_STRING("mallory")) ? -EKEYREJECTED : 0;
}

static void the_application_judges_new_credentials(void **state)
{
        const struct suite *s = suite_by_id(1);
        struct group_host host = { .credential = refuse_mallory };
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT;
        _cleanup_(received_release) struct received received = { 0 };
        struct person people[MEMBERS], mallory;
        struct group_change change = { .add_count = 1 };
        struct bytes package;

        gather(s, people);
        person_make(s, "mallory", &mallory);
        package = writer_bytes(&mallory.package);
        change.add = &package;
        assert_int_equal(group_commit(people[0].group, &change, &host, &commit, &welcome), -EKEYREJECTED);
        assert_false(group_has_pending(people[0].group));
        writer_release(&commit);
        writer_release(&welcome);
        assert_int_equal(group_commit(people[0].group, &change, NULL, &commit, &welcome), 0);
        assert_int_equal(group_process(people[1].group, writer_bytes(&commit), &host, &received), -EKEYREJECTED);
        assert_int_equal(group_epoch(people[1].group)->context.epoch, MEMBERS - 1);
        person_release(&mallory);
        for (unsigned i = 0; i < MEMBERS; i++)
                person_release(&people[i]);
}

static void a_member_cannot_be_added_twice(void **state)
{
        struct person people[MEMBERS];
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT;
        struct bytes package;
        struct group_change change = { .add = &package, .add_count = 1 };

        gather(suite_by_id(1), people);
        package = writer_bytes(&people[2].package);
        assert_int_equal(group_commit(people[0].group, &change, NULL, &commit, &welcome), -EBADMSG);
        assert_false(group_has_pending(people[0].group));
        for (unsigned i = 0; i < MEMBERS; i++)
                person_release(&people[i]);
}

static void write_parent_node(struct writer *w, const char *key, struct bytes unmerged_leaves)
{
        write_optional(w, true);
        write_u8(w, 2);
        write_vector(w, BYTES_STRING(key));
        write_vector(w, BYTES(NULL, 0));
        write_vector(w, unmerged_leaves);
}

/* Whoever sends a Welcome writes the tree in it; a parent's link to it is looked for among its descendants. */
static void unmerged_leaves_outside_the_tree_are_refused(void **state)
{
        static const uint8_t far[] = { 0x0f, 0xff, 0xff, 0xff };
        _cleanup_(ratchet_tree_release) struct ratchet_tree tree = { 0 };
        _cleanup_writer_ struct writer w = WRITER_INIT;
        size_t mark = writer_open_vector(&w);
        struct reader r;

        for (int i = 0; i < 3; i++)
                write_optional(&w, false);
        write_parent_node(&w, "root", BYTES(NULL, 0));
        write_optional(&w, false);
        write_parent_node(&w, "right", BYTES_OF(far));
        writer_close_vector(&w, mark);
        reader_init(&r, writer_bytes(&w));
        assert_int_equal(ratchet_tree_read(suite_by_id(7), &r, &tree), 0);
        assert_int_equal(ratchet_tree_validate(&tree, BYTES_STRING("group"), 1), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(members_read_each_other_in_every_suite),
                cmocka_unit_test(the_removed_read_nothing_more),
                cmocka_unit_test(messages_may_come_late_and_out_of_order_but_not_twice),
                cmocka_unit_test(a_lost_race_is_dropped_and_the_winner_followed),
                cmocka_unit_test(a_forged_byte_anywhere_is_refused_and_changes_nothing),
                cmocka_unit_test(the_application_judges_new_credentials),
                cmocka_unit_test(a_member_cannot_be_added_twice),
                cmocka_unit_test(unmerged_leaves_outside_the_tree_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
