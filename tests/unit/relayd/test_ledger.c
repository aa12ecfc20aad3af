/* relayd's ledger: what is in it after it was closed and opened again, and in which order it comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../earlier_database.h"

#include "relayd/node/ledger.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"
#include "temporary.h"

/* What each earlier version kept is in ledgers/ (tests/unit/keep_version): a new migration needs one more. */
enum { LEDGERS = 10 };
#define KEPT UNIT_TESTS "/relayd/ledgers"

struct fixture {
        char *directory;
        sd_event *event;
        struct secret *key, *transport_key;
        struct ledger *ledger;
        struct ledger_account alice;
        unsigned settled;
};

static void on_settled(void *userdata)
{
        struct fixture *f = userdata;

        f->settled++;
}

static void open_ledger(struct fixture *f)
{
        assert_int_equal(ledger_open(f->event, f->directory, f->key, on_settled, f, &f->ledger), 0);
}

static void open_again(struct fixture *f)
{
        f->ledger = ledger_close(f->ledger);
        open_ledger(f);
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        f->directory = temporary_directory();
        f->key = secret_random(SEAL_KEY_SIZE);
        f->transport_key = secret_random(32);
        assert_true(sd_event_new(&f->event) >= 0);
        open_ledger(f);
        f->alice = (struct ledger_account){ .account = "a1",
                                            .uid = 1000,
                                            .address = { .name = "alice", .host = "hub.example", .port = 7843 } };
        assert_int_equal(ledger_add_account(f->ledger, &f->alice, f->transport_key), 0);
        assert_int_equal(ledger_commit(f->ledger), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        ledger_close(f->ledger);
        sd_event_unref(f->event);
        secret_free(f->key);
        secret_free(f->transport_key);
        temporary_remove(f->directory);
        free(f);
        return 0;
}

static int compare_account(void *userdata, const struct ledger_account *a, struct secret *transport_key)
{
        struct fixture *f = userdata;

        assert_int_equal(a->id, f->alice.id);
        assert_string_equal(a->account, f->alice.account);
        assert_int_equal(a->uid, f->alice.uid);
        assert_true(address_equal(&a->address, &f->alice.address));
        assert_memory_equal(a->address.key, f->alice.address.key, sizeof(a->address.key));
        assert_int_equal(a->registered, f->alice.registered);
        assert_int_equal(a->enabled, f->alice.enabled);
        assert_int_equal(a->received, f->alice.received);
        assert_int_equal(a->sequence, f->alice.sequence);
        assert_true(secret_equal(secret_bytes(transport_key), secret_bytes(f->transport_key)));
        secret_free(transport_key);
        return 0;
}

static int refuse_account(void *userdata, const struct ledger_account *a, struct secret *transport_key)
{
        secret_free(transport_key);
        fail_msg("an account was opened with the wrong key");
        return 0;
}

static void accounts_survive_and_their_keys_need_the_machine_key(void **state)
{
        struct fixture *f = *state;

        f->alice.registered = true;
        f->alice.enabled = true;
        f->alice.received = 12;
        f->alice.sequence = 34;
        f->alice.address.has_key = true;
        memset(f->alice.address.key, 7, sizeof(f->alice.address.key));
        assert_int_equal(ledger_update_account(f->ledger, &f->alice), 0);
        open_again(f);
        assert_int_equal(ledger_accounts(f->ledger, compare_account, f), 0);
        f->key->data[0] ^= 1;
        assert_true(ledger_accounts(f->ledger, refuse_account, f) < 0);
}

static int queue(struct fixture *f, uint8_t id, const char *text)
{
        struct send s = { .id = { id },
                          .has_group = true,
                          .group = BYTES_STRING("g"),
                          .epoch = UINT64_MAX,
                          .payload = BYTES_STRING(text) };

        return ledger_queue(f->ledger, f->alice.id, f->alice.id, &s);
}

struct seen {
        int64_t row;
        char text[32];
};

static void on_envelope(void *userdata, const struct ledger_envelope *e)
{
        struct seen *s = userdata;

        s->row = e->row;
        assert_int_equal(e->send.epoch, UINT64_MAX);
        assert_true(bytes_equal(e->send.group, BYTES_STRING("g")));
        (void) snprintf(s->text, sizeof(s->text), "%.*s", (int) e->send.payload.size,
                        (const char *) e->send.payload.data);
}

static void the_outbox_keeps_its_order_and_takes_an_id_once(void **state)
{
        struct fixture *f = *state;
        struct seen s = { 0 };
        struct ledger_outcome o;
        uint32_t outbox, inbox;
        uint64_t held;

        assert_int_equal(queue(f, 1, "one"), 1);
        assert_int_equal(queue(f, 2, "two"), 1);
        assert_int_equal(queue(f, 1, "one"), 0);
        open_again(f);
        assert_int_equal(ledger_count(f->ledger, f->alice.id, f->alice.id, &outbox, &inbox, &held), 0);
        assert_int_equal(outbox, 2);
        assert_int_equal(ledger_next_envelope(f->ledger, f->alice.id, 0, on_envelope, &s), 1);
        assert_string_equal(s.text, "one");
        assert_int_equal(ledger_conclude(f->ledger, f->alice.id, s.row, "stale", 9, "why"), 0);
        assert_int_equal(ledger_next_envelope(f->ledger, f->alice.id, s.row, on_envelope, &s), 1);
        assert_string_equal(s.text, "two");
        assert_int_equal(ledger_next_envelope(f->ledger, f->alice.id, s.row, on_envelope, &s), 0);
        open_again(f);
        assert_int_equal(queue(f, 1, "one"), 0); /* its outcome has not been told yet */
        assert_int_equal(ledger_next_outcome(f->ledger, f->alice.id, 0, &o), 1);
        assert_string_equal(o.result, "stale");
        assert_string_equal(o.reason, "why");
        assert_int_equal(o.winner, 9);
        assert_int_equal(o.id[0], 1);
        assert_int_equal(ledger_drop_outcome(f->ledger, o.row), 0);
        assert_int_equal(ledger_next_outcome(f->ledger, f->alice.id, 0, &o), 0);
}

static void assert_received(struct fixture *f, uint64_t after, uint64_t expected, const char *text)
{
        _cleanup_close_ int fd = -1;
        uint64_t sequence;
        char content[32] = { 0 };

        assert_int_equal(ledger_next_received(f->ledger, f->alice.id, after, &sequence, &fd), 1);
        assert_int_equal(sequence, expected);
        assert_int_equal(read(fd, content, sizeof(content)), strlen(text));
        assert_string_equal(content, text);
}

static void assert_held(struct fixture *f, uint64_t expected)
{
        uint32_t outbox, inbox;
        uint64_t held;

        assert_int_equal(ledger_count(f->ledger, f->alice.id, f->alice.id, &outbox, &inbox, &held), 0);
        assert_int_equal(held, expected);
}

static void the_inbox_comes_out_by_its_numbers(void **state)
{
        struct fixture *f = *state;
        uint64_t sequence;
        int fd;

        assert_int_equal(ledger_receive(f->ledger, f->alice.id, 5, BYTES_STRING("five")), 0);
        assert_int_equal(ledger_receive(f->ledger, f->alice.id, 9, BYTES_STRING("nine")), 0);
        open_again(f);
        assert_received(f, 0, 5, "five");
        assert_received(f, 5, 9, "nine");
        assert_held(f, 8);
        assert_int_equal(ledger_drop_received(f->ledger, f->alice.id, 5), 0);
        assert_int_equal(ledger_drop_received(f->ledger, f->alice.id, 5), 0);
        assert_held(f, 4);
        assert_received(f, 0, 9, "nine");
        assert_int_equal(ledger_next_received(f->ledger, f->alice.id, 9, &sequence, &fd), 0);
}

static void note_error(void *userdata, int error)
{
        *(int *) userdata = error;
}

static void a_failed_write_takes_the_whole_turn_with_it(void **state)
{
        struct fixture *f = *state;
        int first = 1, second = 1;
        uint32_t outbox, inbox;
        uint64_t held;

        assert_int_equal(queue(f, 1, "one"), 1);
        assert_int_equal(ledger_then(f->ledger, note_error, &first), 0);
        assert_int_equal(ledger_receive(f->ledger, f->alice.id, 5, BYTES_STRING("x")), 0);
        assert_true(ledger_receive(f->ledger, f->alice.id, 5, BYTES_STRING("x")) < 0);
        assert_int_equal(ledger_then(f->ledger, note_error, &second), 0);
        assert_true(ledger_commit(f->ledger) < 0);
        assert_true(first < 0 && second < 0);
        assert_false(ledger_busy(f->ledger));
        assert_int_equal(ledger_count(f->ledger, f->alice.id, f->alice.id, &outbox, &inbox, &held), 0);
        assert_int_equal(outbox + inbox, 0);
        assert_int_equal(queue(f, 1, "one"), 1);
        assert_int_equal(ledger_then(f->ledger, note_error, &first), 0);
        assert_int_equal(ledger_commit(f->ledger), 0);
        assert_int_equal(first, 0);
}

static void a_turn_of_the_loop_commits_what_it_wrote(void **state)
{
        struct fixture *f = *state;
        unsigned before = f->settled;
        int done = 1;

        assert_int_equal(queue(f, 1, "one"), 1);
        assert_int_equal(ledger_then(f->ledger, note_error, &done), 0);
        assert_true(ledger_busy(f->ledger));
        assert_true(sd_event_run(f->event, 0) >= 0);
        assert_int_equal(done, 0);
        assert_int_equal(f->settled, before + 1);
        assert_false(ledger_busy(f->ledger));
}

static void a_removed_account_takes_its_queues_along(void **state)
{
        struct fixture *f = *state;
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(queue(f, 1, "one"), 1);
        assert_int_equal(ledger_remove_account(f->ledger, f->alice.id), 0);
        open_again(f);
        assert_int_equal(ledger_accounts(f->ledger, refuse_account, f), 0);
        assert_int_equal(storage_prepare(ledger_database(f->ledger), &s, "select 1 from outbox", ""), 0);
        assert_int_equal(storage_step(s), 0);
}

static void assert_counts(struct fixture *f, int64_t link, uint32_t outbox, uint32_t inbox)
{
        uint32_t out = 0, in = 0;
        uint64_t held;

        assert_int_equal(ledger_count(f->ledger, link, f->alice.id, &out, &in, &held), 0);
        assert_int_equal(out, outbox);
        assert_int_equal(in, inbox);
}

static void what_waits_is_counted(void **state)
{
        struct fixture *f = *state;
        struct ledger_account further = f->alice;
        struct send s = { .id = { 1 }, .payload = BYTES_STRING("one") };

        (void) snprintf(further.account, sizeof(further.account), "further");
        further.main = f->alice.id;
        assert_int_equal(ledger_add_account(f->ledger, &further, f->transport_key), 0);
        assert_int_equal(queue(f, 1, "one"), 1);
        assert_int_equal(queue(f, 1, "one"), 0); /* which it has */
        assert_int_equal(queue(f, 2, "two"), 1);
        assert_counts(f, f->alice.id, 2, 0);
        assert_int_equal(ledger_add_way(f->ledger, f->alice.id, &s, further.id), 0);
        assert_int_equal(ledger_move(f->ledger, f->alice.id, further.id, 0, true), 1);
        assert_counts(f, f->alice.id, 1, 0);
        assert_counts(f, further.id, 1, 0);
        assert_int_equal(ledger_refuse_all(f->ledger, further.id, "gone"), 0);
        assert_counts(f, further.id, 0, 0);
        assert_int_equal(ledger_receive(f->ledger, f->alice.id, 5, BYTES_STRING("in")), 0);
        assert_int_equal(ledger_receive(f->ledger, f->alice.id, 6, BYTES_STRING("in")), 0);
        assert_counts(f, f->alice.id, 1, 2);
        assert_int_equal(ledger_drop_received(f->ledger, f->alice.id, 5), 0);
        assert_int_equal(ledger_drop_received(f->ledger, f->alice.id, 5), 0); /* it is gone */
        assert_counts(f, f->alice.id, 1, 1);
        open_again(f);
        assert_counts(f, f->alice.id, 1, 1);
}

/* What each version kept, made by what make_kept() was then: an account with the number 1, an outcome, an envelope on
 * its way out and two on their way in. */
static void make_kept(const char *directory)
{
        struct fixture *f;
        struct seen s = { 0 };
        char command[256];

        assert_int_equal(setup((void **) &f), 0);
        memset(f->key->data, 0x5a, f->key->size);
        memset(f->transport_key->data, 0x33, f->transport_key->size);
        assert_int_equal(ledger_remove_account(f->ledger, f->alice.id), 0);
        assert_int_equal(ledger_add_account(f->ledger, &f->alice, f->transport_key), 0);
        f->alice.registered = true;
        f->alice.received = 12;
        f->alice.sequence = 34;
        f->alice.address.has_key = true;
        memset(f->alice.address.key, 7, sizeof(f->alice.address.key));
        assert_int_equal(ledger_update_account(f->ledger, &f->alice), 0);
        assert_int_equal(queue(f, 1, "one"), 1);
        assert_int_equal(queue(f, 2, "two"), 1);
        assert_int_equal(ledger_next_envelope(f->ledger, f->alice.id, 0, on_envelope, &s), 1);
        assert_int_equal(ledger_conclude(f->ledger, f->alice.id, s.row, "stale", 9, "why"), 0);
        assert_int_equal(ledger_receive(f->ledger, f->alice.id, 33, BYTES_STRING("33")), 0);
        assert_int_equal(ledger_receive(f->ledger, f->alice.id, 34, BYTES_STRING("34")), 0);
        f->ledger = ledger_close(f->ledger);
        (void) snprintf(command, sizeof(command), "cp %s/relayd.db %s", f->directory, directory);
        assert_int_equal(system(command), 0);
        assert_int_equal(teardown((void **) &f), 0);
}

static void assert_kept(struct fixture *f)
{
        struct seen s = { 0 };
        struct ledger_outcome o;
        uint64_t sequence;
        int fd;

        assert_int_equal(ledger_accounts(f->ledger, compare_account, f), 0);
        assert_counts(f, f->alice.id, 1, 2);
        assert_int_equal(ledger_next_outcome(f->ledger, f->alice.id, 0, &o), 1);
        assert_int_equal(o.id[0], 1);
        assert_string_equal(o.result, "stale");
        assert_int_equal(o.winner, 9);
        assert_string_equal(o.reason, "why");
        assert_int_equal(ledger_next_envelope(f->ledger, f->alice.id, 0, on_envelope, &s), 1);
        assert_string_equal(s.text, "two");
        assert_int_equal(ledger_next_envelope(f->ledger, f->alice.id, s.row, on_envelope, &s), 0);
        assert_received(f, 0, 33, "33");
        assert_received(f, 33, 34, "34");
        assert_held(f, 4);
        assert_int_equal(ledger_next_received(f->ledger, f->alice.id, 34, &sequence, &fd), 0);
        assert_int_equal(queue(f, 1, "one"), 0);
        assert_int_equal(queue(f, 3, "three"), 1);
}

static void what_earlier_versions_kept_is_there(void **state)
{
        struct fixture *f = *state;
        char path[256];

        memset(f->key->data, 0x5a, f->key->size);
        memset(f->transport_key->data, 0x33, f->transport_key->size);
        f->alice.registered = true;
        f->alice.received = 12;
        f->alice.sequence = 34;
        f->alice.address.has_key = true;
        memset(f->alice.address.key, 7, sizeof(f->alice.address.key));
        (void) snprintf(path, sizeof(path), "%s/relayd.db", f->directory);
        for (unsigned version = 1; version <= LEDGERS; version++) {
                f->ledger = ledger_close(f->ledger);
                assert_int_equal(unlink(path), 0);
                earlier_database(KEPT, version, path);
                open_ledger(f);
                f->alice.enabled = version == 1; /* which could not be switched off */
                assert_kept(f);
        }
}

static void each_earlier_version_is_kept(void **state)
{
        struct fixture *f = *state;
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(ledger_database(f->ledger), &s, "pragma user_version", ""), 0);
        assert_int_equal(storage_step(s), 1);
        assert_true(LEDGERS + 1 >= storage_column_integer(s, 0));
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(accounts_survive_and_their_keys_need_the_machine_key),
                TEST(the_outbox_keeps_its_order_and_takes_an_id_once),
                TEST(the_inbox_comes_out_by_its_numbers),
                TEST(a_failed_write_takes_the_whole_turn_with_it),
                TEST(a_turn_of_the_loop_commits_what_it_wrote),
                TEST(a_removed_account_takes_its_queues_along),
                TEST(what_waits_is_counted),
                TEST(what_earlier_versions_kept_is_there),
                TEST(each_earlier_version_is_kept),
        };

        if (argc == 3 && strcmp(argv[1], "make") == 0) {
                make_kept(argv[2]);
                return 0;
        }
        return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
