/* A hub and links to it, over loopback and in one event loop: what one side promises, the other sees. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub_fixture.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"

static void a_message_reaches_who_is_online(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        fetch_after(&bob, 0, 16);
        assert_false(say(&alice, 1, "bob", "hello").failed);
        UNTIL(f->event, bob.entries == 1);
        assert_string_equal(bob.seen, "1=hello ");
}

static void who_was_offline_gets_it_later(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&bob, f->event, &f->address, "bob", true);
        client_end(&bob);
        client_up(&alice, f->event, &f->address, "alice", true);
        assert_false(say(&alice, 1, "bob", "one").failed);
        assert_false(say(&alice, 2, "bob", "two").failed);
        client_up(&bob, f->event, &f->address, "bob", false);
        assert_int_equal(bob.state.mailbox.newest, 2);
        fetch_after(&bob, 0, 16);
        UNTIL(f->event, bob.entries == 2);
        assert_string_equal(bob.seen, "1=one 2=two ");
}

static void what_is_not_acknowledged_comes_again_and_what_is_does_not(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        assert_false(say(&alice, 1, "bob", "one").failed);
        assert_false(say(&alice, 2, "bob", "two").failed);
        fetch_after(&bob, 0, 16);
        UNTIL(f->event, bob.entries == 2);
        acknowledge(&bob, 1);
        client_end(&bob);
        client_up(&bob, f->event, &f->address, "bob", false);
        fetch_after(&bob, 0, 16);
        UNTIL(f->event, bob.entries == 3);
        assert_string_equal(bob.seen, "1=one 2=two 2=two ");
}

static void the_window_holds_back_until_it_is_moved(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        fetch_after(&bob, 0, 3);
        for (uint64_t i = 0; i < 10; i++)
                assert_false(say(&alice, i, "bob", "x").failed);
        UNTIL(f->event, bob.entries == 3);
        assert_false(say(&alice, 10, "bob", "x").failed);
        assert_int_equal(bob.entries, 3);
        acknowledge(&bob, 2);
        UNTIL(f->event, bob.entries == 5);
        acknowledge(&bob, 5);
        UNTIL(f->event, bob.entries == 8);
        acknowledge(&bob, 8);
        UNTIL(f->event, bob.entries == 11);
        assert_int_equal(bob.last, 11);
}

static void numbers_that_are_gone_do_not_count_against_the_window(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        for (uint64_t i = 0; i < 5; i++)
                assert_false(say(&alice, i, "bob", "x").failed);
        fetch_after(&bob, 0, 16);
        UNTIL(f->event, bob.entries == 5);
        acknowledge(&bob, 4);
        fetch_after(&bob, 0, 2); /* who has lost its own count begins at the start */
        UNTIL(f->event, bob.entries == 6);
        assert_false(say(&alice, 5, "bob", "x").failed);
        assert_false(say(&alice, 6, "bob", "x").failed);
        UNTIL(f->event, bob.entries == 7);
        acknowledge(&bob, 5);
        UNTIL(f->event, bob.entries == 8);
}

static void a_wrong_pinned_key_is_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };
        struct address other = f->address;

        other.key[0] ^= 1;
        client_start(&alice, f->event, &other, "alice", true);
        UNTIL(f->event, alice.down);
        assert_false(alice.up);
        assert_int_equal(alice.failure, LINK_WRONG_KEY);
}

static void without_a_key_the_one_seen_is_handed_over_to_be_remembered(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };
        struct address unpinned = f->address;

        unpinned.has_key = false;
        client_up(&alice, f->event, &unpinned, "alice", true);
        assert_memory_equal(alice.state.hub_key, f->server.identity.pin, sizeof(f->server.identity.pin));
}

static void a_wrong_transport_key_is_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, mallory = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_start(&mallory, f->event, &f->address, "alice", false);
        UNTIL(f->event, mallory.down);
        assert_false(mallory.up);
        assert_int_equal(mallory.failure, LINK_REFUSED);
        assert_int_equal(mallory.code, WIRE_ERROR_NOT_AUTHENTICATED);
        assert_false(alice.down);
}

static void a_taken_name_is_refused_but_the_same_key_may_register_again(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, mallory = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_start(&mallory, f->event, &f->address, "alice", true);
        UNTIL(f->event, mallory.down);
        assert_int_equal(mallory.code, WIRE_ERROR_NAME_TAKEN);
        client_end(&alice);
        client_up(&alice, f->event, &f->address, "alice", true);
}

static void a_newer_link_of_the_same_account_takes_over(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client first = { 0 }, second = { 0 };

        client_up(&first, f->event, &f->address, "alice", true);
        second.key = secret_copy(secret_bytes(first.key));
        client_up(&second, f->event, &f->address, "alice", false);
        UNTIL(f->event, first.down);
        assert_int_equal(first.code, WIRE_ERROR_REPLACED);
        fetch_after(&second, 0, 4);
        assert_false(say(&second, 1, "alice", "to myself").failed);
        UNTIL(f->event, second.entries == 1);
}

static void an_unknown_recipient_is_named(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        struct answer a = say(&alice, 1, "nobody", "x");

        assert_true(a.failed);
        assert_int_equal(a.code, WIRE_ERROR_UNKNOWN_RECIPIENT);
        assert_string_equal(a.subject, "nobody");
        assert_false(say(&alice, 2, "alice", "the link goes on").failed);
}

static void publish(struct client *c, const char *text)
{
        _cleanup_writer_ struct writer list = WRITER_INIT, w = WRITER_INIT;

        write_key_package(&list, false, BYTES_STRING(text));
        write_key_packages(&w, writer_bytes(&list));
        assert_false(ask(c, FRAME_PUBLISH_KEY_PACKAGES, &w).failed);
}

static void two_links_that_race_for_a_key_package_get_different_ones(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 }, carol = { 0 };
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct answer one = { 0 }, two = { 0 }, three = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        client_up(&carol, f->event, &f->address, "carol", true);
        publish(&carol, "A");
        publish(&carol, "B");
        fetch_after(&carol, 0, 1);
        write_claim(&w, BYTES_STRING("carol"));
        assert_int_equal(link_request(alice.link, FRAME_CLAIM_KEY_PACKAGE, writer_bytes(&w), on_answer, &one), 0);
        assert_int_equal(link_request(bob.link, FRAME_CLAIM_KEY_PACKAGE, writer_bytes(&w), on_answer, &two), 0);
        assert_int_equal(link_request(alice.link, FRAME_CLAIM_KEY_PACKAGE, writer_bytes(&w), on_answer, &three), 0);
        UNTIL(f->event, one.done && two.done && three.done);
        struct answer *all[] = { &one, &two, &three };
        unsigned a = 0, b = 0, none = 0;

        for (unsigned i = 0; i < 3; i++) {
                struct bytes package;
                bool last_resort;

                if (all[i]->failed) {
                        assert_int_equal(all[i]->code, WIRE_ERROR_NO_KEY_PACKAGE);
                        none++;
                        continue;
                }
                assert_int_equal(read_claim_answer(BYTES(all[i]->body, all[i]->size), &last_resort, &package), 0);
                a += bytes_equal(package, BYTES_STRING("A"));
                b += bytes_equal(package, BYTES_STRING("B"));
        }
        assert_int_equal(a, 1);
        assert_int_equal(b, 1);
        assert_int_equal(none, 1);
        UNTIL(f->event, carol.low == 1); /* none left */
}

static void an_account_that_is_deleted_is_nobody_any_more(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };
        _cleanup_writer_ struct writer own = WRITER_INIT, others = WRITER_INIT;

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        write_delete_account(&others, BYTES_STRING("alice"));
        assert_int_equal(ask(&bob, FRAME_DELETE_ACCOUNT, &others).code, WIRE_ERROR_NOT_ALLOWED);
        write_delete_account(&own, BYTES_STRING("bob"));
        assert_false(ask(&bob, FRAME_DELETE_ACCOUNT, &own).failed);
        UNTIL(f->event, bob.down);
        assert_int_equal(bob.code, WIRE_ERROR_DELETED);
        assert_int_equal(say(&alice, 1, "bob", "x").code, WIRE_ERROR_UNKNOWN_RECIPIENT);
        client_end(&bob);
        client_start(&bob, f->event, &f->address, "bob", false);
        UNTIL(f->event, bob.down);
        assert_int_equal(bob.code, WIRE_ERROR_NOT_AUTHENTICATED);
}

static void a_name_that_people_would_take_for_the_hub_is_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client mallory = { 0 };

        client_start(&mallory, f->event, &f->address, "root", true);
        UNTIL(f->event, mallory.down);
        assert_int_equal(mallory.code, WIRE_ERROR_NOT_ALLOWED);
}

static void of_two_commits_for_one_epoch_the_loser_hears_the_epoch(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };
        _cleanup_writer_ struct writer first = WRITER_INIT, second = WRITER_INIT;
        struct answer one = { 0 }, two = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        write_message(&first, 1, "bob", BYTES_STRING("a"), 3);
        write_message(&second, 2, "alice", BYTES_STRING("b"), 3);
        assert_int_equal(link_request(alice.link, FRAME_SEND, writer_bytes(&first), on_answer, &one), 0);
        assert_int_equal(link_request(bob.link, FRAME_SEND, writer_bytes(&second), on_answer, &two), 0);
        UNTIL(f->event, one.done && two.done);
        assert_int_equal(one.failed + two.failed, 1);
        assert_int_equal(one.failed ? one.code : two.code, WIRE_ERROR_STALE);
        assert_int_equal(one.failed ? one.value : two.value, 4);
}

static void a_payload_of_a_mebibyte_arrives_and_a_larger_one_breaks_the_link(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };
        _cleanup_writer_ struct writer fits = WRITER_INIT, too_large = WRITER_INIT;
        uint8_t *payload = calloc(1, WIRE_PAYLOAD_MAX + 1);

        client_up(&alice, f->event, &f->address, "alice", true);
        fetch_after(&alice, 0, 4);
        write_message(&fits, 1, "alice", BYTES(payload, WIRE_PAYLOAD_MAX), -1);
        assert_false(ask(&alice, FRAME_SEND, &fits).failed);
        UNTIL(f->event, alice.entries == 1);
        write_message(&too_large, 2, "alice", BYTES(payload, WIRE_PAYLOAD_MAX + 1), -1);
        assert_int_equal(ask(&alice, FRAME_SEND, &too_large).code, WIRE_ERROR_PROTOCOL);
        UNTIL(f->event, alice.down);
        free(payload);
}

static void a_slow_reader_is_not_buffered_for(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };
        uint8_t *payload = calloc(1, 256 * 1024);
        struct answer last = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        fetch_after(&bob, 0, WIRE_WINDOW_MAX);
        /* 32 MiB for bob arrive faster than his link, in this one loop, is ever four times the output limit behind. */
        for (uint64_t i = 0; i < 128; i++) {
                _cleanup_writer_ struct writer w = WRITER_INIT;

                write_message(&w, i, "bob", BYTES(payload, 256 * 1024), -1);
                UNTIL(f->event, link_room(alice.link) > 0);
                last.done = false;
                assert_int_equal(link_request(alice.link, FRAME_SEND, writer_bytes(&w), on_answer, &last), 0);
        }
        UNTIL(f->event, last.done && bob.entries == 128);
        assert_false(last.failed);
        assert_false(bob.down);
        free(payload);
}

static void a_hub_that_starts_again_knows_everything(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        assert_false(say(&alice, 1, "bob", "before").failed);
        server_close(&f->server);
        UNTIL(f->event, alice.down && bob.down);
        assert_int_equal(alice.code, WIRE_ERROR_STOPPING);
        assert_int_equal(server_open(&f->server, f->event), 0);
        client_end(&alice);
        client_end(&bob);
        client_up(&alice, f->event, &f->address, "alice", false);
        client_up(&bob, f->event, &f->address, "bob", false);
        assert_false(say(&alice, 1, "bob", "before").failed); /* the same id */
        assert_false(say(&alice, 2, "bob", "after").failed);
        fetch_after(&bob, 0, 16);
        UNTIL(f->event, bob.entries == 2);
        assert_string_equal(bob.seen, "1=before 2=after ");
}

static void nobody_listening_is_told_in_words(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };

        server_close(&f->server);
        client_start(&alice, f->event, &f->address, "alice", true);
        UNTIL(f->event, alice.down);
        assert_int_equal(alice.failure, LINK_UNREACHABLE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(a_message_reaches_who_is_online),
                TEST(who_was_offline_gets_it_later),
                TEST(what_is_not_acknowledged_comes_again_and_what_is_does_not),
                TEST(the_window_holds_back_until_it_is_moved),
                TEST(numbers_that_are_gone_do_not_count_against_the_window),
                TEST(a_wrong_pinned_key_is_refused),
                TEST(without_a_key_the_one_seen_is_handed_over_to_be_remembered),
                TEST(a_wrong_transport_key_is_refused),
                TEST(a_taken_name_is_refused_but_the_same_key_may_register_again),
                TEST(a_newer_link_of_the_same_account_takes_over),
                TEST(an_unknown_recipient_is_named),
                TEST(two_links_that_race_for_a_key_package_get_different_ones),
                TEST(an_account_that_is_deleted_is_nobody_any_more),
                TEST(a_name_that_people_would_take_for_the_hub_is_refused),
                TEST(of_two_commits_for_one_epoch_the_loser_hears_the_epoch),
                TEST(a_payload_of_a_mebibyte_arrives_and_a_larger_one_breaks_the_link),
                TEST(a_slow_reader_is_not_buffered_for),
                TEST(a_hub_that_starts_again_knows_everything),
                TEST(nobody_listening_is_told_in_words),
        };

        (void) signal(SIGPIPE, SIG_IGN); /* as daemon_run() does */
        log_open("test", LOG_CRIT);
        return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
