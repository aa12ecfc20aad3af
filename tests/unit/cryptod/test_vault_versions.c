/* Vaults that earlier versions of the schema left on disk: what each kept is still there, the factors that opened it
 * open it, and a message that was on its way to it is read.
 *
 * In vaults/, N.sql is alice's database, N.cell-keys the file beside it, and N.letter an envelope of bob's that she had
 * not got yet: each made by the version itself. "tests/unit/keep_version build/…/test_cryptod_vault_versions
 * tests/unit/cryptod/vaults" keeps those of the version that is built; a new migration needs those of the version that
 * it starts from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../earlier_database.h"

#include "cryptod/conversation/messenger_contact.h"
#include "messenger_pair.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"
#include "services/throttle.h"

static const struct argon2_parameters cheap = { ARGON2_MEMORY_MIN, 1, 1 };

#define VAULTS UNIT_TESTS "/cryptod/vaults"
#define PIN "2580"
#define LABEL "at home"
enum { IDLE_LOCK = 600 };

/* What a version kept: see make_vault(). */
struct kept {
        unsigned version;
        const char *history, *then; /* now, and when bob's envelope has been delivered */
        unsigned redemptions;
        bool verified, settings;
};

static const struct kept kept[] = {
        { 1, NULL, NULL, 0, false, false },
        { 2, "sone|>two|fthree|", "sone|>two|fthree|", 0, false, false },
        { 3, "sone|>two|fthree|", "sone|>two|fthree|", 1, false, false },
        { 4, "sone|>two|fthree|", "sone|>two|fthree|>four|", 1, false, false },
        { 5, "sone|>two|!|fthree|", "sone|>two|!|fthree|>four|", 1, true, false },
        { 6, "sone|>two|!|qthree|", "sone|>two|!|qthree|>four|", 1, true, false },
        { 7, "sone|>two|!|qthree|", "sone|>two|!|qthree|>four|", 1, true, true },
        { 8, "sone|>two|!|qthree|", "sone|>two|!|qthree|>four|", 1, true, true },
        { 9, "sone|>two|!|qthree|", "sone|>two|!|qthree|>four|", 1, true, true },
        { 10, "sone|>two|!|qthree|", "sone|>two|!|qthree|>four|", 1, true, true },
        { 11, "sone|>two|!|qthree|", "sone|>two|!|qthree|>four|", 1, true, true },
        { 12, "sone|>two|!|qthree|", "sone|>two|!|qthree|>four|", 1, true, true },
        { 13, "sone|>two|!|qthree|", "sone|>two|!|qthree|>four|", 1, true, true },
        { 14, "sone|>two|!|qthree|", "sone|>two|!|qthree|>four|", 1, true, true },
};

static struct secret *face_secret(void)
{
        uint8_t bytes[FACE_SECRET_SIZE];

        memset(bytes, 0x5a, sizeof(bytes));
        return secret_copy(BYTES_OF(bytes));
}

/* -- made -------------------------------------------------------------------------------------------------------- */

static void give_a_slot(struct person *p)
{
        _cleanup_secret_ struct secret *face = face_secret(), *pin = secret_copy(BYTES_STRING(PIN));
        _cleanup_writer_ struct writer slot = WRITER_INIT;
        unsigned number = 1;

        assert_int_equal(slot_make(SLOT_FACE_AND_FACTOR, BYTES_STRING(p->id), BYTES_STRING("first"), 1, &cheap, face,
                                   pin, p->vault_key, &slot),
                         0);
        assert_int_equal(vault_slot_store(p->vault, &number, writer_bytes(&slot)), 0);
}

static void write_file(const char *directory, const char *name, struct bytes content)
{
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(content.data, 1, content.size, f), content.size);
        assert_int_equal(fclose(f), 0);
}

static void make_vault(const char *directory)
{
        _cleanup_(envelope_release) struct envelope letter = { 0 };
        struct fixture *f;
        char command[512];
        uint64_t wait;

        assert_int_equal(pair_make((void **) &f), 0);
        struct person *alice = &f->alice, *bob = &f->bob;
        give_a_slot(alice);
        start(alice, bob);
        carry(f, alice, bob);
        say(alice, only(alice), "one");
        carry(f, alice, bob);
        say(bob, only(bob), "two");
        carry(f, bob, alice);
        assert_int_equal(messenger_set_verified(alice->messenger, only(alice), true, 1), 0);
        say(alice, only(alice), "three");
        say(bob, only(bob), "four");
        assert_int_equal(messenger_next_envelope(bob->messenger, 0, &letter), 1);
        write_file(directory, "letter", letter.content);
        assert_int_equal(vault_set_label(alice->vault, LABEL), 0);
        assert_int_equal(vault_set_idle_lock(alice->vault, IDLE_LOCK), 0);
        for (unsigned i = 0; i < THROTTLE_FREE; i++)
                assert_int_equal(vault_attempt(alice->vault, &wait), 0);
        person_log_out(alice);
        snprintf(command, sizeof(command), "cp %s/%s/vault.db %s/%s/cell-keys %s", alice->directory, alice->id,
                 alice->directory, alice->id, directory);
        assert_int_equal(system(command), 0);
        assert_int_equal(pair_release((void **) &f), 0);
}

/* -- put back ---------------------------------------------------------------------------------------------------- */

static void put_back(struct person *p, unsigned version)
{
        char directory[128], path[256];
        size_t size;

        *p = (struct person){ .directory = "/tmp/visavis-vault-XXXXXX", .id = "0123456789abcdef0123456789abcdef" };
        assert_non_null(mkdtemp(p->directory));
        snprintf(directory, sizeof(directory), "%s/%s", p->directory, p->id);
        assert_int_equal(mkdir(directory, 0700), 0);
        snprintf(path, sizeof(path), "%s/vault.db", directory);
        earlier_database(VAULTS, version, path);
        if (version > 1) { /* the first had no cells */
                _cleanup_free_ char *keys = earlier_file(VAULTS, version, "cell-keys", &size);

                write_file(directory, "cell-keys", BYTES(keys, size));
        }
}

static void unlock_with_its_factors(struct person *p)
{
        _cleanup_secret_ struct secret *face = face_secret(), *pin = secret_copy(BYTES_STRING(PIN));
        struct reader reader;
        struct slot slot;

        reader_init(&reader, vault_slot(p->vault, 1));
        assert_int_equal(slot_read(&reader, &slot), 0);
        assert_true(bytes_equal(slot.label, BYTES_STRING("first")));
        assert_int_equal(slot_open(&slot, BYTES_STRING(p->id), face, pin, &p->vault_key), 0);
        p->vault = vault_free(p->vault);
        assert_int_equal(person_log_in(p), 0);
}

static void assert_throttled(struct vault *v)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct throttle throttle = { 0 };
        struct reader reader;

        assert_int_equal(storage_prepare(vault_database(v), &s, "SELECT content FROM throttle", ""), 0);
        assert_int_equal(storage_step(s), 1);
        reader_init(&reader, storage_column_bytes(s, 0));
        throttle_read(&reader, &throttle);
        assert_int_equal(reader_finish(&reader), 0);
        assert_int_equal(throttle.failures, THROTTLE_FREE);
}

static void assert_account(const struct kept *k, struct vault *v)
{
        const struct vault_account *a = vault_account(v);

        assert_int_equal(a->uid, 1000);
        assert_string_equal(a->address, "alice@hub.example.org:7843");
        assert_string_equal(a->suite, PERSON_SUITE);
        assert_int_equal(a->created, 1);
        assert_string_equal(a->label, k->settings ? LABEL : "");
        assert_int_equal(a->idle_lock, k->settings ? IDLE_LOCK : 0);
        assert_int_equal(vault_redemptions(v), k->redemptions);
        assert_false(vault_is_destroyed(v));
}

static void assert_conversation(const struct kept *k, struct person *p)
{
        size_t size;
        _cleanup_free_ char *letter = earlier_file(VAULTS, k->version, "letter", &size);
        struct contact_view contact;

        assert_history(p, k->history);
        assert_string_equal(only(p)->address, "bob@hub.example.org:7843");
        assert_int_equal(messenger_contact_view(p->messenger, only(p), &contact), 0);
        assert_int_equal(contact.verified, k->verified);
        assert_int_equal(messenger_deliver(p->messenger, 1000, BYTES(letter, size)), 0);
        assert_history(p, k->then);
        person_restart(p);
        assert_history(p, k->then);
}

/* With somebody new, as with a vault of today. */
static void talk(struct person *p)
{
        struct person carol;

        person_sign_up(&carol, "carol", "00000000000000000000000000000c0c", PERSON_SUITE);
        say(p, start(p, &carol), "good day");
        person_release(&carol);
}

static void what_it_kept_is_there(void **state)
{
        const struct kept *k = *state;
        struct person p;

        put_back(&p, k->version);
        assert_int_equal(vault_load(p.directory, p.id, &p.vault), 0);
        assert_account(k, p.vault);
        assert_throttled(p.vault);
        unlock_with_its_factors(&p);
        if (k->history)
                assert_conversation(k, &p);
        talk(&p);
        person_release(&p);
}

static void each_earlier_version_is_here(void **state)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct person p;

        person_sign_up(&p, "alice", "0123456789abcdef0123456789abcdef", PERSON_SUITE);
        assert_int_equal(storage_prepare(vault_database(p.vault), &s, "PRAGMA user_version", ""), 0);
        assert_int_equal(storage_step(s), 1);
        assert_true(COUNT_OF(kept) + 1 >= (size_t) storage_column_integer(s, 0));
        storage_statement_release(&s);
        person_release(&p);
}

int main(int argc, char **argv)
{
        static char names[COUNT_OF(kept)][64];
        struct CMUnitTest tests[COUNT_OF(kept) + 1] = { cmocka_unit_test(each_earlier_version_is_here) };

        if (argc == 3 && strcmp(argv[1], "make") == 0) {
                make_vault(argv[2]);
                return 0;
        }
        for (unsigned i = 0; i < COUNT_OF(kept); i++) {
                snprintf(names[i], sizeof(names[i]), "what_version_%u_kept_is_there", kept[i].version);
                tests[i + 1] = (struct CMUnitTest){ names[i], what_it_kept_is_there, NULL, NULL, (void *) &kept[i] };
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
