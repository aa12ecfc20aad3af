/* What two people's disks hold: what an old copy does not give away, what a kill at any instant leaves, what is kept
 * and what is not. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cryptod/conversation/key_packages.h"
#include "messenger_pair.h"
#include "services/cleanup.h"
#include "services/storage.h"

static uint64_t queued_by(struct person *p)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(vault_database(p->vault), &s,
                                         "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'", ""),
                         0);
        assert_int_equal(storage_step(s), 1);
        return (uint64_t) storage_column_integer(s, 0);
}

/* What relayd has seen is all that says so: the copy is good in itself. */
static void a_vault_that_is_put_back_uses_no_key_twice(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer package = WRITER_INIT;
        struct conversation *c;
        char command[256];
        uint64_t queued;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        say(&f->bob, only(&f->bob), "one");
        carry(f, &f->bob, &f->alice);
        assert_int_equal(messenger_witness(f->bob.messenger, &(struct witness){ .queued = queued_by(&f->bob),
                                                                                .delivered = f->bob.sequence }),
                         0);
        snprintf(command, sizeof(command), "cp -r %s/%s %s/copy", f->bob.directory, f->bob.id, f->bob.directory);
        assert_int_equal(system(command), 0);
        say(&f->bob, only(&f->bob), "two");
        carry(f, &f->bob, &f->alice);
        queued = queued_by(&f->bob);

        person_log_out(&f->bob);
        snprintf(command, sizeof(command), "cd %s && rm -r %s && mv copy %s", f->bob.directory, f->bob.id, f->bob.id);
        assert_int_equal(system(command), 0);
        person_restart(&f->bob);
        assert_non_null(only(&f->bob)->memberships);
        assert_int_equal(messenger_witness(f->bob.messenger,
                                           &(struct witness){ .queued = queued, .delivered = f->bob.sequence }),
                         1);
        assert_null(only(&f->bob)->memberships);
        assert_string_equal(messenger_next_rejoin(f->bob.messenger), f->alice.address);
        assert_null(messenger_next_rejoin(f->bob.messenger));
        person_restart(&f->bob);
        assert_null(only(&f->bob)->memberships);
        assert_int_equal(messenger_witness(f->bob.messenger,
                                           &(struct witness){ .queued = queued, .delivered = f->bob.sequence }),
                         0);
        assert_history(&f->bob, "sone|!|");

        person_claim(&f->alice, &package);
        assert_int_equal(messenger_start(f->bob.messenger, f->alice.address, writer_bytes(&package), NOW + 1, &c), 0);
        say(&f->bob, c, "three");
        f->epoch = 0;
        carry(f, &f->bob, &f->alice);
        say(&f->alice, only(&f->alice), "four");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->alice, ">one|>two|>three|sfour|");
        assert_history(&f->bob, "sone|!|sthree|>four|");
}

static void deliveries_that_are_missing_show_that_a_vault_is_old(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        assert_int_equal(
                messenger_witness(f->bob.messenger, &(struct witness){ .queued = 0, .delivered = f->bob.sequence + 1 }),
                1);
        assert_null(only(&f->bob)->memberships);
        assert_int_equal(
                messenger_witness(f->bob.messenger, &(struct witness){ .queued = 0, .delivered = f->bob.sequence + 1 }),
                0);
}

static int witness_sent(struct person *p, const uint8_t *id)
{
        return messenger_witness(p->messenger, &(struct witness){ .sent = BYTES(id, ENVELOPE_ID_SIZE) });
}

/* The hub says which was the last: it is the vault's own, waiting or answered, or the vault is old, though it may have
 * made as many. */
static void what_the_hub_has_of_another_shows_that_a_vault_is_old(void **state)
{
        struct fixture *f = *state;
        _cleanup_(envelope_release) struct envelope e = { 0 };
        uint8_t other[ENVELOPE_ID_SIZE], own[ENVELOPE_ID_SIZE];

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        say(&f->bob, only(&f->bob), "one");
        assert_int_equal(messenger_next_envelope(f->bob.messenger, 0, &e), 1);
        memcpy(own, e.id, sizeof(own));
        memcpy(other, own, sizeof(other));
        other[ENVELOPE_ID_SIZE - 1] ^= 1;
        assert_int_equal(witness_sent(&f->bob, own), 0);
        carry(f, &f->bob, &f->alice);
        assert_int_equal(witness_sent(&f->bob, own), 0);
        person_restart(&f->bob);
        assert_int_equal(witness_sent(&f->bob, own), 0);
        other[ENVELOPE_ID_SIZE - 1] = 0xff;
        other[ENVELOPE_ID_SIZE / 2] = 0xff; /* as large a number, and another id */
        assert_int_equal(witness_sent(&f->bob, other), 1);
        assert_null(only(&f->bob)->memberships);
        assert_int_equal(witness_sent(&f->bob, other), 0);
        assert_int_equal(messenger_witness(f->bob.messenger, &(struct witness){ .arrived = 1 }), 1);
}

/* The database of today with the cell keys of yesterday: the group cannot be read, and its conversation starts anew. */
static void keys_of_another_time_end_a_group_and_nothing_else(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer package = WRITER_INIT;
        struct person *bob = &f->bob;
        struct conversation *c;
        char command[512];

        start(&f->alice, bob);
        carry(f, &f->alice, bob);
        say(bob, only(bob), "one");
        carry(f, bob, &f->alice);
        person_log_out(bob);
        snprintf(command, sizeof(command), "cp %s/%s/cell-keys %s/", bob->directory, bob->id, bob->directory);
        assert_int_equal(system(command), 0);
        assert_int_equal(person_log_in(bob), 0);
        assert_false(messenger_was_mended(bob->messenger));
        say(&f->alice, only(&f->alice), "two");
        carry(f, &f->alice, bob);
        person_log_out(bob);
        snprintf(command, sizeof(command), "mv %s/cell-keys %s/%s/", bob->directory, bob->directory, bob->id);
        assert_int_equal(system(command), 0);
        assert_int_equal(person_log_in(bob), 0);
        assert_true(messenger_was_mended(bob->messenger));
        assert_null(only(bob)->memberships);
        assert_string_equal(messenger_next_rejoin(bob->messenger), f->alice.address);
        person_restart(bob);
        assert_false(messenger_was_mended(bob->messenger));
        assert_history(bob, "sone|>two|!|");

        person_claim(&f->alice, &package);
        assert_int_equal(messenger_start(bob->messenger, f->alice.address, writer_bytes(&package), NOW + 1, &c), 0);
        say(bob, c, "three");
        f->epoch = 0;
        carry(f, bob, &f->alice);
        say(&f->alice, only(&f->alice), "four");
        carry(f, &f->alice, bob);
        assert_history(bob, "sone|>two|!|sthree|>four|");
}

/* Somebody with the vault key of today and a copy of yesterday's database, log and free pages, but today's cell keys.
 */
static void used_keys_are_gone_from_the_disk(void **state)
{
        struct fixture *f = *state;
        char command[512];
        struct person copy;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        snprintf(command, sizeof(command), "cp %s/%s/vault.db* /tmp/", f->bob.directory, f->bob.id);
        assert_int_equal(system(command), 0);
        say(&f->alice, only(&f->alice), "secret");
        carry(f, &f->alice, &f->bob);
        copy = f->bob;
        copy.messenger = NULL;
        f->bob.messenger = messenger_free(f->bob.messenger);
        f->bob.vault = vault_free(f->bob.vault);
        snprintf(command, sizeof(command), "rm %s/%s/vault.db*; mv /tmp/vault.db* %s/%s/", copy.directory, copy.id,
                 copy.directory, copy.id);
        assert_int_equal(system(command), 0);
        assert_int_equal(vault_load(copy.directory, copy.id, &copy.vault), 0);
        assert_int_equal(vault_unlock(copy.vault, secret_copy(secret_bytes(copy.vault_key))), 0);
        assert_int_equal(messenger_open(copy.vault, &copy.events, &copy.messenger), 0);
        assert_true(messenger_was_mended(copy.messenger));
        assert_null(only(&copy)->memberships);
        messenger_free(copy.messenger);
        vault_free(copy.vault);
}

static void read_cell_keys(const char *directory, const char *id, struct writer *out)
{
        char path[256];
        FILE *file;
        int c;

        snprintf(path, sizeof(path), "%s/%s/cell-keys", directory, id);
        file = fopen(path, "r");
        assert_non_null(file);
        while ((c = fgetc(file)) != EOF)
                write_u8(out, (uint8_t) c);
        fclose(file);
}

static bool has_cell(struct person *p, int64_t id, int64_t version)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(vault_database(p->vault), &s,
                                         "SELECT 1 FROM cell WHERE id = ? AND version = ? AND content IS NOT NULL",
                                         "ii", id, version),
                         0);
        return storage_step(s) > 0;
}

/* Compares with a copy of @p's files from before: the key of each part of a group that is another one now, or none, is
 * nowhere; those of the others still are. How many are gone, and how many are there. */
static void compare_keys(struct person *p, const char *copy, unsigned *gone, unsigned *there)
{
        _cleanup_writer_ struct writer before = WRITER_INIT, now = WRITER_INIT;
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        char path[256];
        sqlite3 *db;

        *gone = *there = 0;
        read_cell_keys(copy, p->id, &before);
        read_cell_keys(p->directory, p->id, &now);
        snprintf(path, sizeof(path), "%s/%s/vault.db", copy, p->id);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(
                storage_prepare(db, &s,
                                "SELECT cell.id, version FROM group_part JOIN cell ON cell.id = group_part.cell", ""),
                0);
        while (storage_step(s) > 0) {
                int64_t id = storage_column_integer(s, 0), version = storage_column_integer(s, 1);
                const uint8_t *key = before.data + (id * 2 + (version & 1)) * 512;
                bool found = memmem(now.data, now.size, key, 32) != NULL;

                assert_int_equal(found, has_cell(p, id, version));
                ++*(found ? there : gone);
        }
        sqlite3_finalize(TAKE(s));
        sqlite3_close(db);
}

static void of_each_part_that_changes_the_old_key_is_gone(void **state)
{
        struct fixture *f = *state;
        char copy[64] = "/tmp/visavis-messenger-XXXXXX", command[256];
        unsigned gone, there;

        assert_non_null(mkdtemp(copy));
        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "one");
        carry(f, &f->alice, &f->bob);
        snprintf(command, sizeof(command), "cp -r %s/%s %s/", f->bob.directory, f->bob.id, copy);
        assert_int_equal(system(command), 0);
        compare_keys(&f->bob, copy, &gone, &there);
        assert_int_equal(gone, 0);

        say(&f->alice, only(&f->alice), "two");
        carry(f, &f->alice, &f->bob);
        compare_keys(&f->bob, copy, &gone, &there);
        assert_int_equal(gone, 1); /* alice's ratchet */
        assert_true(there > 1);

        for (unsigned i = 0; i <= GROUP_PAST_EPOCHS; i++) {
                assert_int_equal(messenger_update(f->alice.messenger, only(&f->alice)), 0);
                carry(f, &f->alice, &f->bob);
        }
        compare_keys(&f->bob, copy, &gone, &there);
        assert_true(gone > 1);
        assert_int_equal(there, 0);
        snprintf(command, sizeof(command), "rm -r %s", copy);
        assert_int_equal(system(command), 0);
}

static void read_string(struct reader *r, char *out)
{
        struct bytes b = read_vector(r);

        memcpy(out, b.data, b.size);
        out[b.size] = '\0';
}

/* What the process that is killed does: its standard input has  opaque directory<V>, id<V>, vault_key<V>;
 * opaque envelopes<V>[]  of which it takes one after the other; without any it sends. */
static int live_until_killed(void)
{
        static struct person p;
        _cleanup_writer_ struct writer input = WRITER_INIT;
        struct reader r;
        uint64_t message;
        int c;

        while ((c = getchar()) != EOF)
                write_u8(&input, (uint8_t) c);
        reader_init(&r, writer_bytes(&input));
        read_string(&r, p.directory);
        read_string(&r, p.id);
        p.vault_key = secret_copy(read_vector(&r));
        if (person_log_in(&p) < 0)
                return 1;
        printf("in\n");
        fflush(stdout);
        if (!reader_more(&r)) {
                struct conversation *only = (struct conversation *) messenger_conversations(p.messenger);

                while (messenger_send(p.messenger, only, BYTES_STRING("x"), 1, &message) >= 0 &&
                       messenger_update(p.messenger, only) >= 0)
                        ;
        }
        while (reader_more(&r)) {
                uint64_t sequence = read_u64(&r);

                if (messenger_deliver(p.messenger, sequence, read_vector(&r)) < 0)
                        return 1;
        }
        return pause();
}

/* Starts @p's program anew in a process of its own, lets it live for a moment, and kills it. */
static void live_and_be_killed(struct person *p, struct bytes envelopes)
{
        _cleanup_writer_ struct writer input = WRITER_INIT;
        int in[2], out[2], status;
        char answer[3];
        pid_t pid;

        write_vector(&input, BYTES_STRING(p->directory));
        write_vector(&input, BYTES_STRING(p->id));
        write_vector(&input, secret_bytes(p->vault_key));
        write_fixed(&input, envelopes);
        person_log_out(p);
        assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                dup2(in[0], 0);
                dup2(out[1], 1);
                execl("/proc/self/exe", "test", "live", NULL);
                _exit(1);
        }
        close(in[0]);
        close(out[1]);
        assert_int_equal(write(in[1], input.data, input.size), input.size);
        close(in[1]);
        assert_int_equal(read(out[0], answer, sizeof(answer)), sizeof(answer));
        usleep((useconds_t) random() % 40000);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_true(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        close(out[0]);
        assert_int_equal(person_log_in(p), 0);
}

static int64_t messages_of(struct person *p)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(vault_database(p->vault), &s, "SELECT COUNT(*) FROM message", ""), 0);
        assert_int_equal(storage_step(s), 1);
        return storage_column_integer(s, 0);
}

/* If a key were used for two messages, bob would take the second for a replay. */
static void one_who_sends_is_killed_at_any_instant(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        for (unsigned round = 0; round < 5; round++) {
                live_and_be_killed(&f->alice, BYTES(NULL, 0));
                say(&f->alice, only(&f->alice), "still here");
                carry(f, &f->alice, &f->bob);
                assert_int_equal(messages_of(&f->alice), messages_of(&f->bob));
        }
}

static void one_who_receives_is_killed_at_any_instant(void **state)
{
        enum { EACH = 8 };
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        for (unsigned round = 0; round < 5; round++) {
                _cleanup_writer_ struct writer envelopes = WRITER_INIT;
                uint64_t number = 0, first = f->bob.sequence + 1;

                for (unsigned i = 0; i < EACH; i++)
                        say(&f->alice, only(&f->alice), "x");
                for (unsigned i = 0; i < EACH; i++) {
                        _cleanup_(envelope_release) struct envelope e = { 0 };

                        assert_int_equal(messenger_next_envelope(f->alice.messenger, number, &e), 1);
                        number = e.number;
                        write_u64(&envelopes, first + i);
                        write_vector(&envelopes, e.content);
                }
                live_and_be_killed(&f->bob, writer_bytes(&envelopes));
                carry(f, &f->alice, &f->bob); /* under the same numbers: what he has, he has */
                assert_int_equal(messages_of(&f->alice), messages_of(&f->bob));
        }
}

static void key_packages_that_nobody_uses_do_not_fill_the_disk(void **state)
{
        struct fixture *f = *state;
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        for (unsigned i = 0; i <= KEY_PACKAGES_MAX / KEY_PACKAGES_STOCK; i++) {
                _cleanup_writer_ struct writer packages = WRITER_INIT;

                assert_int_equal(messenger_key_packages(f->bob.messenger, 0, KEY_PACKAGES_STOCK, NOW + i, &packages),
                                 0);
        }
        assert_int_equal(storage_prepare(vault_database(f->bob.vault), &s,
                                         "SELECT COUNT(*), MIN(not_after) FROM key_package WHERE NOT last_resort", ""),
                         0);
        assert_int_equal(storage_step(s), 1);
        assert_int_equal(storage_column_integer(s, 0), KEY_PACKAGES_MAX);
        assert_int_equal(storage_column_integer(s, 1), NOW + 1 + KEY_PACKAGE_DAYS * 24 * 3600);
}

static void a_message_that_cannot_be_stored_is_good_when_it_comes_again(void **state)
{
        struct fixture *f = *state;
        _cleanup_(envelope_release) struct envelope e = { 0 };
        char path[160];
        sqlite3 *other;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "patience");
        assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &e), 1);
        snprintf(path, sizeof(path), "%s/%s/vault.db", f->bob.directory, f->bob.id);
        assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
        assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_busy_timeout(vault_database(f->bob.vault), 0);
        assert_int_equal(messenger_deliver(f->bob.messenger, 10, e.content), -EBUSY);
        assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(other);
        assert_int_equal(messenger_deliver(f->bob.messenger, 10, e.content), 0);
        assert_history(&f->bob, ">patience|");
}

int main(int argc, char *argv[])
{
        if (argc > 1)
                return live_until_killed();

        const struct CMUnitTest tests[] = {
                PAIR_TEST(a_vault_that_is_put_back_uses_no_key_twice),
                PAIR_TEST(what_the_hub_has_of_another_shows_that_a_vault_is_old),
                PAIR_TEST(deliveries_that_are_missing_show_that_a_vault_is_old),
                PAIR_TEST(keys_of_another_time_end_a_group_and_nothing_else),
                PAIR_TEST(used_keys_are_gone_from_the_disk),
                PAIR_TEST(of_each_part_that_changes_the_old_key_is_gone),
                PAIR_TEST(one_who_sends_is_killed_at_any_instant),
                PAIR_TEST(one_who_receives_is_killed_at_any_instant),
                PAIR_TEST(key_packages_that_nobody_uses_do_not_fill_the_disk),
                PAIR_TEST(a_message_that_cannot_be_stored_is_good_when_it_comes_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
