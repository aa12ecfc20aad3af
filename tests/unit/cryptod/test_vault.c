/* The vault on disk: what it gives away while locked, what survives a restart, and what a seal is bound to. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cryptod/vault/vault.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"

static const struct argon2_parameters cheap = { ARGON2_MEMORY_MIN, 1, 1 };
static const struct vault_account alice = {
        .id = "0123456789abcdef0123456789abcdef",
        .uid = 1000,
        .address = "alice@hub.example.org:7843",
        .suite = "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
        .created = 1,
};

struct fixture {
        char directory[64];
        struct secret *face_secret, *factor, *vault_key;
        struct vault *vault;
};

static int make(void **state)
{
        static struct fixture f;
        _cleanup_writer_ struct writer slot = WRITER_INIT;

        f = (struct fixture){ "/tmp/visavis-vault-XXXXXX", secret_random(FACE_SECRET_SIZE),
                              secret_copy(BYTES_STRING("2580")), secret_random(VAULT_KEY_SIZE), NULL };
        *state = &f;
        if (!mkdtemp(f.directory) || slot_make(SLOT_FACE_AND_FACTOR, BYTES_STRING(alice.id), BYTES_STRING("first"), 1,
                                               &cheap, f.face_secret, f.factor, f.vault_key, &slot) < 0)
                return -1;
        return vault_create(f.directory, &alice, writer_bytes(&slot), secret_copy(secret_bytes(f.vault_key)), &f.vault);
}

static int release(void **state)
{
        struct fixture *f = *state;
        char command[128];

        vault_free(f->vault);
        secret_free(f->face_secret);
        secret_free(f->factor);
        secret_free(f->vault_key);
        snprintf(command, sizeof(command), "rm -r %s", f->directory);
        return system(command);
}

static void restart(struct fixture *f)
{
        f->vault = vault_free(f->vault);
        assert_int_equal(vault_load(f->directory, alice.id, &f->vault), 0);
}

static int open_with(struct fixture *f, const char *pin, struct secret **key)
{
        _cleanup_secret_ struct secret *factor = secret_copy(BYTES_STRING(pin));
        struct reader r;
        struct slot s;

        reader_init(&r, vault_slot(f->vault, 1));
        assert_int_equal(slot_read(&r, &s), 0);
        return slot_open(&s, BYTES_STRING(alice.id), f->face_secret, factor, key);
}

static void it_is_loaded_locked_and_opened_by_its_slot(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        _cleanup_secret_ struct secret *plain = NULL;
        struct secret *key = NULL;

        assert_true(vault_is_unlocked(f->vault));
        assert_int_equal(vault_seal(f->vault, "message", BYTES_STRING("1"), BYTES_STRING("hello"), &sealed), 0);
        restart(f);
        assert_false(vault_is_unlocked(f->vault));
        assert_string_equal(vault_account(f->vault)->address, alice.address);
        assert_int_equal(vault_account(f->vault)->uid, alice.uid);
        assert_string_equal(vault_account(f->vault)->suite, alice.suite);
        assert_int_equal(vault_unseal(f->vault, "message", BYTES_STRING("1"), writer_bytes(&sealed), &plain),
                         -EKEYREVOKED);
        assert_int_equal(open_with(f, "2580", &key), 0);
        assert_int_equal(vault_unlock(f->vault, key), 0);
        assert_int_equal(vault_unseal(f->vault, "message", BYTES_STRING("1"), writer_bytes(&sealed), &plain), 0);
        assert_true(bytes_equal(secret_bytes(plain), BYTES_STRING("hello")));
        vault_lock(f->vault);
        assert_int_equal(vault_seal(f->vault, "message", BYTES_STRING("2"), BYTES_STRING("x"), &sealed), -EKEYREVOKED);
}

static void a_seal_is_bound_to_its_table_and_row(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        _cleanup_secret_ struct secret *plain = NULL;

        assert_int_equal(vault_seal(f->vault, "message", BYTES_STRING("1"), BYTES_STRING("hello"), &sealed), 0);
        assert_int_equal(vault_unseal(f->vault, "message", BYTES_STRING("2"), writer_bytes(&sealed), &plain), -EBADMSG);
        assert_int_equal(vault_unseal(f->vault, "contact", BYTES_STRING("1"), writer_bytes(&sealed), &plain), -EBADMSG);
        assert_null(plain);
}

static void a_cell_opens_for_its_owner_alone(void **state)
{
        struct fixture *f = *state;
        _cleanup_secret_ struct secret *plain = NULL;
        int64_t id;

        assert_int_equal(vault_begin(f->vault), 0);
        assert_int_equal(vault_cell_new(f->vault, BYTES_STRING("one"), BYTES_STRING("hello"), &id), 0);
        assert_int_equal(vault_commit(f->vault), 0);
        assert_int_equal(vault_cell_read(f->vault, id, BYTES_STRING("another"), &plain), -EBADMSG);
        assert_int_equal(vault_cell_read(f->vault, id, BYTES_STRING("one"), &plain), 0);
        assert_true(bytes_equal(secret_bytes(plain), BYTES_STRING("hello")));
}

static void attempts_are_counted_across_restarts_until_one_succeeds(void **state)
{
        struct fixture *f = *state;
        uint64_t wait = 0;
        struct secret *key = NULL;

        for (unsigned i = 0; i < THROTTLE_FREE; i++) {
                assert_int_equal(vault_attempt(f->vault, &wait), 0);
                assert_int_equal(open_with(f, "0000", &key), -EKEYREJECTED);
                restart(f);
        }
        assert_int_equal(vault_attempt(f->vault, &wait), -EAGAIN);
        assert_true(wait > 0 && wait <= throttle_delay(THROTTLE_FREE));
        assert_int_equal(open_with(f, "2580", &key), 0);
        assert_int_equal(vault_unlock(f->vault, key), 0);
        restart(f);
        assert_int_equal(vault_attempt(f->vault, &wait), 0);
}

static void what_authd_says_of_its_failures_is_kept_if_it_is_newer(void **state)
{
        struct fixture *f = *state;
        struct throttle_word word = { .turn = 7, .failures = 3 };

        vault_lock(f->vault);
        assert_int_equal(vault_compare_failures(f->vault, &word), 0);
        assert_int_equal(word.turn, 7);
        restart(f);
        word = (struct throttle_word){ .turn = 6, .failures = 20 };
        assert_int_equal(vault_compare_failures(f->vault, &word), 0);
        assert_int_equal(word.turn, 7);
        assert_int_equal(word.failures, 3);
        word = (struct throttle_word){ .turn = INT64_MAX, .failures = 0 };
        assert_int_equal(vault_compare_failures(f->vault, &word), 0);
        restart(f);
        word = (struct throttle_word){ 0 };
        assert_int_equal(vault_compare_failures(f->vault, &word), 0);
        assert_true(word.turn == INT64_MAX);
        assert_int_equal(word.failures, 0);
}

static void the_same_account_is_not_made_twice(void **state)
{
        struct fixture *f = *state;
        struct vault *again = NULL;

        assert_int_equal(
                vault_create(f->directory, &alice, vault_slot(f->vault, 1), secret_random(VAULT_KEY_SIZE), &again),
                -EEXIST);
        assert_null(again);
        restart(f);
}

static void an_id_that_is_no_id_reaches_no_file(void **state)
{
        struct fixture *f = *state;
        struct vault *v = NULL;

        assert_int_equal(vault_load(f->directory, "../0123456789abcdef0123456789abc", &v), -EINVAL);
        assert_int_equal(vault_load(f->directory, "", &v), -EINVAL);
        assert_int_equal(vault_load(f->directory, "ffffffffffffffffffffffffffffffff", &v), -ENOENT);
}

static void write_mark(const struct fixture *f, const char *id)
{
        char path[256];

        snprintf(path, sizeof(path), "%s/%s/no-account", f->directory, id);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
}

/* A database that has its tables and no account: what a crash in the middle of vault_create() leaves. */
static void an_unfinished_vault_is_no_account_and_can_be_made_again(void **state)
{
        struct fixture *f = *state;
        struct vault_account bob = alice;
        _cleanup_writer_ struct writer slot = WRITER_INIT;

        write_fixed(&slot, vault_slot(f->vault, 1));
        assert_int_equal(storage_run(vault_database(f->vault), "DELETE FROM account", ""), 0);
        assert_int_equal(storage_run(vault_database(f->vault), "DELETE FROM slot", ""), 0);
        f->vault = vault_free(f->vault);
        assert_int_equal(vault_load(f->directory, bob.id, &f->vault), -EBADMSG); /* it has lost them */
        write_mark(f, bob.id);
        assert_int_equal(vault_load(f->directory, bob.id, &f->vault), -ENOENT);
        assert_int_equal(
                vault_create(f->directory, &bob, writer_bytes(&slot), secret_random(VAULT_KEY_SIZE), &f->vault), 0);
}

/* Somebody has moved it away, or the disk has lost it: that is no reason to delete what is left. */
static void a_database_that_is_missing_was_lost(void **state)
{
        struct fixture *f = *state;
        char path[256];

        f->vault = vault_free(f->vault);
        snprintf(path, sizeof(path), "%s/%s/vault.db", f->directory, alice.id);
        assert_int_equal(truncate(path, 0), 0);
        assert_int_equal(vault_load(f->directory, alice.id, &f->vault), -EBADMSG);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(vault_load(f->directory, alice.id, &f->vault), -EBADMSG);
        assert_int_equal(vault_discard(f->directory, alice.id), 0);
        assert_int_equal(vault_load(f->directory, alice.id, &f->vault), -ENOENT);
}

/* Whether a file of the vault, as it lies on the disk, has these bytes. */
static bool on_disk(const struct fixture *f, const char *name, struct bytes needle)
{
        char path[256];
        struct stat status;
        void *content;
        bool found;

        snprintf(path, sizeof(path), "%s/%s/%s", f->directory, alice.id, name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0 && fstat(fd, &status) == 0);
        if (status.st_size == 0) {
                close(fd);
                return false;
        }
        content = mmap(NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        assert_true(content != MAP_FAILED);
        found = memmem(content, (size_t) status.st_size, needle.data, needle.size) != NULL;
        munmap(content, (size_t) status.st_size);
        close(fd);
        return found;
}

static bool anywhere(const struct fixture *f, const struct writer *slot)
{
        struct bytes end = BYTES(slot->data + slot->size - 48, 48); /* of the wrapped key */

        return on_disk(f, "vault.db", end) || on_disk(f, "vault.db-wal", end);
}

static void a_slot_that_is_gone_is_gone_from_the_disk(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer first = WRITER_INIT, second = WRITER_INIT, third = WRITER_INIT,
                                       found = WRITER_INIT;
        _cleanup_secret_ struct secret *pin = secret_copy(BYTES_STRING("7391"));
        uint8_t numbers[VAULT_SLOTS_MAX];
        unsigned number = 0;

        write_fixed(&first, vault_slot(f->vault, 1));
        assert_int_equal(vault_slot_remove(f->vault, 1), -EPERM);
        assert_int_equal(slot_make(SLOT_FACE_AND_FACTOR, BYTES_STRING(alice.id), BYTES_STRING("b"), 2, &cheap,
                                   f->face_secret, pin, f->vault_key, &second),
                         0);
        assert_int_equal(slot_make(SLOT_FACE_AND_FACTOR, BYTES_STRING(alice.id), BYTES_STRING("c"), 3, &cheap,
                                   f->face_secret, pin, f->vault_key, &third),
                         0);
        assert_int_equal(vault_slot_store(f->vault, &number, writer_bytes(&second)), 0);
        assert_int_equal(number, 2);
        assert_true(anywhere(f, &first) && anywhere(f, &second));
        assert_int_equal(vault_slot_store(f->vault, &number, writer_bytes(&third)), 0);
        assert_int_equal(number, 2);
        assert_true(anywhere(f, &third) && !anywhere(f, &second));
        assert_int_equal(vault_slot_remove(f->vault, 1), 0);
        assert_int_equal(vault_slot_remove(f->vault, 1), -ENOENT);
        assert_false(anywhere(f, &first));
        restart(f);
        assert_int_equal(vault_slots_of(f->vault, SLOT_FACE_AND_FACTOR, &found, numbers), 1);
        assert_int_equal(numbers[0], 2);
        assert_int_equal(vault_slots_of(f->vault, SLOT_RECOVERY, &found, numbers), 0);
}

/* One of a later version's kind opens nothing here, and nothing is lost of it. */
static void make_slot(const struct fixture *f, enum slot_kind kind, const char *label, struct writer *out)
{
        _cleanup_secret_ struct secret *factor = secret_random(20);

        assert_int_equal(slot_make(kind, BYTES_STRING(alice.id), BYTES_STRING(label), 2, &cheap,
                                   kind == SLOT_FACE_AND_FACTOR ? f->face_secret : NULL, factor, f->vault_key, out),
                         0);
}

static void a_slot_takes_the_place_of_all_of_its_kind(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer first = WRITER_INIT, second = WRITER_INIT, recovery = WRITER_INIT,
                                       third = WRITER_INIT;
        unsigned number = 0;

        write_fixed(&first, vault_slot(f->vault, 1));
        make_slot(f, SLOT_RECOVERY, "paper", &recovery);
        make_slot(f, SLOT_FACE_AND_FACTOR, "second", &second);
        make_slot(f, SLOT_FACE_AND_FACTOR, "third", &third);
        assert_int_equal(vault_slot_store(f->vault, &number, writer_bytes(&recovery)), 0);
        assert_int_equal(number, 2);
        number = 0;
        assert_int_equal(vault_slot_store(f->vault, &number, writer_bytes(&second)), 0);
        assert_int_equal(number, 3);
        number = 0;
        assert_int_equal(vault_slots_replace(f->vault, SLOT_FACE_AND_FACTOR, &number, writer_bytes(&third)), 0);
        assert_int_equal(number, 1);
        assert_false(anywhere(f, &first) || anywhere(f, &second));
        restart(f);
        assert_true(bytes_equal(vault_slot(f->vault, 1), writer_bytes(&third)));
        assert_true(bytes_equal(vault_slot(f->vault, 2), writer_bytes(&recovery)));
        assert_int_equal(vault_slot(f->vault, 3).size, 0);
        number = 0;
        assert_int_equal(vault_slots_replace(f->vault, SLOT_PASSPHRASE, &number, writer_bytes(&second)), 0);
        assert_int_equal(number, 3); /* there was none */
}

/* What a process that is killed does with its slots: the same, over and over. */
static _Noreturn void change_slots(const struct fixture *f, struct bytes slots[static 2])
{
        struct vault *v;

        if (vault_load(f->directory, alice.id, &v) < 0)
                _exit(1);
        for (;;) {
                unsigned number = 0;

                if (vault_slots_replace(v, SLOT_FACE_AND_FACTOR, &number, slots[0]) < 0)
                        _exit(1);
                number = 0;
                if (vault_slot_store(v, &number, slots[1]) < 0)
                        _exit(1);
        }
}

static void who_changes_slots_is_killed_at_any_instant(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer recovery = WRITER_INIT, one = WRITER_INIT, two = WRITER_INIT;
        unsigned number = 0, seen = 0;

        make_slot(f, SLOT_RECOVERY, "paper", &recovery);
        make_slot(f, SLOT_FACE_AND_FACTOR, "one", &one);
        make_slot(f, SLOT_FACE_AND_FACTOR, "two", &two);
        struct bytes slots[] = { writer_bytes(&one), writer_bytes(&two) };

        assert_int_equal(vault_slot_store(f->vault, &number, writer_bytes(&recovery)), 0);
        for (unsigned i = 0; i < 40; i++) {
                unsigned faces = 0;
                pid_t pid;
                int status;

                f->vault = vault_free(f->vault);
                pid = fork();
                if (pid == 0)
                        change_slots(f, slots);
                assert_true(pid > 0);
                usleep(2000 + 337 * i);
                assert_int_equal(kill(pid, SIGKILL), 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFSIGNALED(status));
                assert_int_equal(vault_load(f->directory, alice.id, &f->vault), 0);
                for (unsigned n = 1; n <= VAULT_SLOTS_MAX; n++) {
                        struct bytes slot = vault_slot(f->vault, n);

                        if (slot.size == 0 || bytes_equal(slot, writer_bytes(&recovery)))
                                continue;
                        faces++;
                        seen |= bytes_equal(slot, slots[0]) ? 1 : bytes_equal(slot, slots[1]) ? 2 : 0;
                }
                assert_true(bytes_equal(vault_slot(f->vault, 2), writer_bytes(&recovery)));
                assert_in_range(faces, 1, 2);
        }
        assert_true(seen & 2); /* it got to do something */
}

static void a_slot_of_an_unknown_kind_stays(void **state)
{
        struct fixture *f = *state;
        static const uint8_t other[] = { 1, 4, 0, 1, 2, 3 };
        _cleanup_writer_ struct writer found = WRITER_INIT;
        uint8_t numbers[VAULT_SLOTS_MAX];
        unsigned number = 0;

        assert_int_equal(vault_slot_store(f->vault, &number, BYTES_OF(other)), 0);
        restart(f);
        assert_true(bytes_equal(vault_slot(f->vault, number), BYTES_OF(other)));
        assert_int_equal(vault_slots_of(f->vault, SLOT_FACE_AND_FACTOR, &found, numbers), 1);
}

static void what_its_owner_sets_stays(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(vault_set_label(f->vault, "at home"), 0);
        assert_int_equal(vault_set_idle_lock(f->vault, 600), 0);
        restart(f);
        assert_string_equal(vault_account(f->vault)->label, "at home");
        assert_int_equal(vault_account(f->vault)->idle_lock, 600);
}

/* Killed behind the first half: what is left knows what it is, and has neither slots nor keys of cells. */
static void what_is_destroyed_stays_destroyed(void **state)
{
        struct fixture *f = *state;
        char path[256];
        int64_t cell;
        FILE *file;
        int c;

        assert_int_equal(vault_begin(f->vault), 0);
        assert_int_equal(vault_cell_new(f->vault, BYTES(NULL, 0), BYTES_STRING("content"), &cell), 0);
        assert_int_equal(vault_commit(f->vault), 0);
        assert_int_equal(vault_erase(f->vault), 0);
        assert_false(vault_is_unlocked(f->vault));
        restart(f);
        assert_true(vault_is_destroyed(f->vault));
        for (unsigned i = 1; i <= VAULT_SLOTS_MAX; i++)
                assert_int_equal(vault_slot(f->vault, i).size, 0);
        snprintf(path, sizeof(path), "%s/%s/cell-keys", f->directory, vault_account(f->vault)->id);
        file = fopen(path, "r");
        assert_non_null(file);
        while ((c = fgetc(file)) != EOF)
                assert_int_equal(c, 0);
        fclose(file);
        assert_int_equal(vault_erase(f->vault), 0); /* as often as it takes */
}

static void eight_slots_are_the_most(void **state)
{
        struct fixture *f = *state;
        unsigned number = 0;

        for (unsigned i = 2; i <= VAULT_SLOTS_MAX; i++) {
                number = 0;
                assert_int_equal(vault_slot_store(f->vault, &number, vault_slot(f->vault, 1)), 0);
                assert_int_equal(number, i);
        }
        number = 0;
        assert_int_equal(vault_slot_store(f->vault, &number, vault_slot(f->vault, 1)), -E2BIG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_slot_that_is_gone_is_gone_from_the_disk, make, release),
                cmocka_unit_test_setup_teardown(a_slot_takes_the_place_of_all_of_its_kind, make, release),
                cmocka_unit_test_setup_teardown(who_changes_slots_is_killed_at_any_instant, make, release),
                cmocka_unit_test_setup_teardown(a_slot_of_an_unknown_kind_stays, make, release),
                cmocka_unit_test_setup_teardown(eight_slots_are_the_most, make, release),
                cmocka_unit_test_setup_teardown(what_its_owner_sets_stays, make, release),
                cmocka_unit_test_setup_teardown(what_is_destroyed_stays_destroyed, make, release),
                cmocka_unit_test_setup_teardown(it_is_loaded_locked_and_opened_by_its_slot, make, release),
                cmocka_unit_test_setup_teardown(a_seal_is_bound_to_its_table_and_row, make, release),
                cmocka_unit_test_setup_teardown(a_cell_opens_for_its_owner_alone, make, release),
                cmocka_unit_test_setup_teardown(attempts_are_counted_across_restarts_until_one_succeeds, make, release),
                cmocka_unit_test_setup_teardown(what_authd_says_of_its_failures_is_kept_if_it_is_newer, make, release),
                cmocka_unit_test_setup_teardown(the_same_account_is_not_made_twice, make, release),
                cmocka_unit_test_setup_teardown(an_id_that_is_no_id_reaches_no_file, make, release),
                cmocka_unit_test_setup_teardown(a_database_that_is_missing_was_lost, make, release),
                cmocka_unit_test_setup_teardown(an_unfinished_vault_is_no_account_and_can_be_made_again, make, release),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
