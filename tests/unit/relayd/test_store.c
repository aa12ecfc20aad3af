/* The hub's store: what it promises to all who ask in one batch, and after it was closed and opened again. */
#include "store_fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "services/cleanup.h"

static void sequences_increase_and_survive_acknowledgement_and_restart(void **state)
{
        struct fixture *f = *state;
        struct store_request ack = { .operation = STORE_ACK, .mailbox = f->bob, .sequence = 1 };

        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "one")), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 2, "bob", "two")), STORE_DONE);
        assert_string_equal(entries(f->store, f->bob, 0), "1=one 2=two ");
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        assert_string_equal(entries(f->store, f->bob, 0), "2=two ");
        ack.sequence = 2;
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        open_again(f);
        assert_int_equal(send_it(f->store, sending(f->alice, 3, "bob", "three")), STORE_DONE);
        assert_string_equal(entries(f->store, f->bob, 0), "3=three ");
        assert_int_equal(
                run(f->store, (struct store_request){ .operation = STORE_LOOK_UP, .name = BYTES_STRING("bob") })
                        .sequence,
                3);
}

static void the_same_id_again_stores_nothing_even_after_restart(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "one")), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "one")), STORE_REPEATED);
        assert_int_equal(send_it(f->store, sending(f->carol, 1, "bob", "carol's")), STORE_DONE);
        open_again(f);
        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "one")), STORE_REPEATED);
        assert_string_equal(entries(f->store, f->bob, 0), "1=one 2=carol's ");
}

static void a_payload_for_many_is_stored_once_until_the_last_has_it(void **state)
{
        struct fixture *f = *state;
        struct store_request ack = { .operation = STORE_ACK, .mailbox = f->alice, .sequence = 1 };

        assert_int_equal(send_it(f->store, sending(f->alice, 1, "alice bob carol bob", "all")), STORE_DONE);
        assert_int_equal(count(f, "bodies"), 1);
        assert_int_equal(count(f, "entries"), 3);
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        ack.mailbox = f->bob;
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        assert_int_equal(count(f, "bodies"), 1);
        assert_string_equal(entries(f->store, f->carol, 0), "1=all ");
        ack.mailbox = f->carol;
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        assert_int_equal(count(f, "bodies"), 0);
        assert_int_equal(count(f, "readers"), 0);
}

static void an_unknown_recipient_is_named_and_nobody_gets_anything(void **state)
{
        struct fixture *f = *state;
        struct store_request r = run(f->store, sending(f->alice, 1, "bob nobody", "x"));

        store_request_release(&r);
        assert_int_equal(r.result, STORE_UNKNOWN);
        assert_string_equal(r.subject, "nobody");
        assert_string_equal(entries(f->store, f->bob, 0), "");
        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "x")), STORE_DONE);
}

static void of_two_commits_for_an_epoch_in_one_batch_one_wins(void **state)
{
        struct fixture *f = *state;
        struct store_request first = sending(f->alice, 1, "carol", "a"), second = sending(f->bob, 1, "carol", "b");
        struct store_request *batch[] = { &first, &second };

        first.send.has_group = second.send.has_group = true;
        first.send.group = second.send.group = BYTES_STRING("group");
        first.send.epoch = second.send.epoch = 4;
        assert_int_equal(store_run(f->store, batch, 2), 0);
        store_request_release(&first);
        store_request_release(&second);
        assert_int_equal(first.result, STORE_DONE);
        assert_int_equal(second.result, STORE_STALE);
        assert_int_equal(second.value, 5);
        assert_string_equal(entries(f->store, f->carol, 0), "1=a ");

        open_again(f);
        second.send.epoch = 5;
        assert_int_equal(send_it(f->store, second), STORE_DONE);
        assert_int_equal(send_it(f->store, first), STORE_REPEATED);
}

static void a_key_package_is_handed_out_once_and_the_last_resort_stays(void **state)
{
        struct fixture *f = *state;
        struct store_request claims[3], *batch[] = { &claims[0], &claims[1], &claims[2] };

        for (unsigned i = 0; i < 3; i++)
                claims[i] = (struct store_request){ .operation = STORE_CLAIM, .name = BYTES_STRING("bob") };
        struct store_request early = run(f->store, claims[0]);

        assert_int_equal(early.result, STORE_EMPTY);
        assert_int_equal(publish(f, true, "old last"), STORE_DONE);
        assert_int_equal(publish(f, false, "one of before"), STORE_DONE);
        assert_int_equal(publish(f, true, "last"), STORE_DONE);
        assert_int_equal(publish(f, false, "one"), STORE_DONE);
        assert_int_equal(publish(f, false, "two"), STORE_DONE);
        assert_int_equal(store_run(f->store, batch, 3), 0);
        assert_int_equal(claims[0].key_packages, 1);
        assert_int_equal(claims[0].mailbox, f->bob);
        assert_claimed(&claims[0], "one", false);
        assert_claimed(&claims[1], "two", false);
        assert_claimed(&claims[2], "last", true);
        open_again(f);
        claims[0] = run(f->store, (struct store_request){ .operation = STORE_CLAIM, .name = BYTES_STRING("bob") });
        assert_claimed(&claims[0], "last", true);
}

static void a_full_stock_and_a_full_mailbox_are_refused(void **state)
{
        struct fixture *f = *state;
        char large[4000];

        for (unsigned i = 0; i < 4; i++)
                assert_int_equal(publish(f, false, "p"), STORE_DONE);
        assert_int_equal(publish(f, false, "p"), STORE_QUOTA);
        for (uint8_t i = 0; i < 5; i++)
                assert_int_equal(send_it(f->store, sending(f->alice, i, "bob", "x")), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 9, "bob", "x")), STORE_QUOTA);
        memset(large, 'l', sizeof(large) - 1);
        large[sizeof(large) - 1] = '\0';
        assert_int_equal(send_it(f->store, sending(f->alice, 10, "carol", large)), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 11, "carol", large)), STORE_QUOTA);
        run(f->store, (struct store_request){ .operation = STORE_ACK, .mailbox = f->carol, .sequence = 1 });
        assert_int_equal(send_it(f->store, sending(f->alice, 11, "carol", large)), STORE_DONE);
}

static void what_is_past_its_time_is_dropped(void **state)
{
        struct fixture *f = *state;
        struct timespec t;

        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob carol", "x")), STORE_DONE);
        clock_gettime(CLOCK_REALTIME, &t);
        uint64_t now = (uint64_t) t.tv_sec * 1000000;

        expire(f->store, now + 500 * 1000000ULL);
        assert_int_equal(count(f, "entries"), 2);
        expire(f->store, now + 2000 * 1000000ULL);
        assert_int_equal(count(f, "entries"), 0);
        assert_int_equal(count(f, "bodies"), 0);
        assert_int_equal(count(f, "sent"), 0);
        assert_int_equal(send_it(f->store, sending(f->alice, 2, "bob", "y")), STORE_DONE);
        assert_string_equal(entries(f->store, f->bob, 0), "2=y ");
}

static void a_claim_may_leave_the_stock_alone(void **state)
{
        struct fixture *f = *state;
        struct store_request claim = { .operation = STORE_CLAIM,
                                       .name = BYTES_STRING("bob"),
                                       .last_resort_only = true };

        assert_int_equal(publish(f, false, "one"), STORE_DONE);
        assert_int_equal(run(f->store, claim).result, STORE_EMPTY);
        assert_int_equal(publish(f, true, "last"), STORE_DONE);
        assert_int_equal(publish(f, false, "one"), STORE_DONE);
        claim = run(f->store, claim);
        assert_int_equal(claim.key_packages, 1);
        assert_claimed(&claim, "last", true);
}

static struct store_request room_post(int64_t from, uint8_t id, enum room_step step, uint64_t epoch)
{
        return (struct store_request){ .operation = STORE_SEND_TO_ROOM,
                                       .mailbox = from,
                                       .room = { .room = BYTES_STRING("general"),
                                                 .group = BYTES_STRING("group"),
                                                 .step = step,
                                                 .epoch = epoch,
                                                 .group_info = BYTES_STRING("info"),
                                                 .payload = BYTES_STRING("said") },
                                       .send = { .id = { id }, .payload = BYTES_STRING("entry") } };
}

/* A full mailbox costs its owner the room, and nobody else anything. */
static void who_has_no_room_for_more_is_off_the_roster(void **state)
{
        struct fixture *f = *state;
        struct store_request r;
        struct bytes departed;

        assert_int_equal(send_it(f->store, room_post(f->alice, 1, ROOM_JOIN, 0)), STORE_DONE);
        assert_int_equal(send_it(f->store, room_post(f->bob, 2, ROOM_JOIN, 1)), STORE_DONE);
        assert_int_equal(send_it(f->store, room_post(f->carol, 3, ROOM_JOIN, 2)), STORE_DONE);
        for (uint8_t i = 0; i < limits.mailbox_entries - 1; i++)
                assert_int_equal(send_it(f->store, sending(f->alice, 10 + i, "bob", "x")), STORE_DONE);
        r = run(f->store, room_post(f->alice, 4, ROOM_SAY, 0));
        assert_int_equal(r.result, STORE_DONE);
        assert_int_equal(r.receipt_count, 1);
        assert_int_equal(r.receipts[0].mailbox, f->carol);
        assert_int_equal(read_room_departed(BYTES(r.package, r.package_size), &departed), 0);
        assert_true(bytes_equal(departed, BYTES("\x03"
                                                "bob",
                                                4)));
        store_request_release(&r);
        assert_int_equal(send_it(f->store, room_post(f->bob, 5, ROOM_SAY, 0)), STORE_OUTSIDE);
        open_again(f);
        assert_int_equal(send_it(f->store, room_post(f->carol, 6, ROOM_SAY, 0)), STORE_DONE);
        assert_int_equal(send_it(f->store, room_post(f->carol, 6, ROOM_SAY, 0)), STORE_REPEATED);
}

/* Whose account is gone when their turn comes fails alone, not with all who were in the same batch. */
static void who_joins_while_they_are_deleted_holds_up_nobody(void **state)
{
        struct fixture *f = *state;
        struct store_request deletion = { .operation = STORE_DELETE, .name = BYTES_STRING("carol") },
                             join = room_post(f->carol, 1, ROOM_JOIN, 0),
                             message = sending(f->alice, 2, "bob", "hello");
        struct store_request *const batch[] = { &deletion, &join, &message };

        assert_int_equal(store_run(f->store, batch, COUNT_OF(batch)), 0);
        assert_int_equal(deletion.result, STORE_DONE);
        assert_int_equal(join.result, STORE_UNKNOWN);
        assert_int_equal(message.result, STORE_DONE);
        for (unsigned i = 0; i < COUNT_OF(batch); i++)
                store_request_release(batch[i]);
        assert_string_equal(entries(f->store, f->bob, 0), "1=hello ");
        assert_int_equal(send_it(f->store, room_post(f->alice, 3, ROOM_JOIN, 0)), STORE_DONE); /* nobody was there */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(sequences_increase_and_survive_acknowledgement_and_restart),
                TEST(the_same_id_again_stores_nothing_even_after_restart),
                TEST(a_payload_for_many_is_stored_once_until_the_last_has_it),
                TEST(an_unknown_recipient_is_named_and_nobody_gets_anything),
                TEST(of_two_commits_for_an_epoch_in_one_batch_one_wins),
                TEST(a_key_package_is_handed_out_once_and_the_last_resort_stays),
                TEST(a_full_stock_and_a_full_mailbox_are_refused),
                TEST(what_is_past_its_time_is_dropped),
                TEST(a_claim_may_leave_the_stock_alone),
                TEST(who_has_no_room_for_more_is_off_the_roster),
                TEST(who_joins_while_they_are_deleted_holds_up_nobody),
        };

        return cmocka_run_group_tests_name("hub store", tests, NULL, NULL);
}
