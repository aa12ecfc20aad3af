/* Two people's messengers with a relay between them that the test plays: what arrives, in what order, after which
 * crash, and what an old copy of the disk does not give away. */
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

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/messenger_contact.h"
#include "cryptod/mls/public_message.h"
#include "messenger_person.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"

struct fixture {
        struct person alice, bob;
        uint64_t epoch; /* of the one group that there is, as the hub counts */
};

static int make(void **state)
{
        static struct fixture f;

        person_sign_up(&f.alice, "alice", "0123456789abcdef0123456789abcdef",
                       "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        person_sign_up(&f.bob, "bob", "fedcba9876543210fedcba9876543210", "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        f.epoch = 0;
        *state = &f;
        return 0;
}

static int release(void **state)
{
        struct fixture *f = *state;

        person_release(&f->alice);
        person_release(&f->bob);
        return 0;
}

static struct conversation *start(struct person *p, struct person *with)
{
        _cleanup_writer_ struct writer package = WRITER_INIT;
        struct conversation *c = NULL;

        person_claim(with, &package);
        assert_int_equal(messenger_start(p->messenger, with->address, writer_bytes(&package), NOW, &c), 0);
        return c;
}

/* The hub's part: the envelopes of @from in their order, commits by compare-and-set. */
static void carry(struct fixture *f, struct person *from, struct person *to)
{
        for (;;) {
                _cleanup_(envelope_release) struct envelope e = { 0 };
                enum outcome outcome = OUTCOME_STORED;

                if (messenger_next_envelope(from->messenger, 0, &e) == 0)
                        return;
                if (e.group.size > 0 && e.epoch != f->epoch)
                        outcome = OUTCOME_STALE;
                else if (e.group.size > 0)
                        f->epoch++;
                if (outcome == OUTCOME_STORED) {
                        _cleanup_writer_ struct writer recipient = WRITER_INIT;

                        write_vector(&recipient, BYTES_STRING(to->address));
                        assert_true(bytes_equal(e.recipients, writer_bytes(&recipient)));
                        assert_int_equal(messenger_deliver(to->messenger, ++to->sequence, e.content), 0);
                }
                assert_int_equal(messenger_outcome(from->messenger, BYTES_OF(e.id), outcome), 0);
        }
}

static void say(struct person *p, struct conversation *c, const char *text)
{
        uint64_t message;

        assert_int_equal(messenger_send(p->messenger, c, BYTES_STRING(text), 1, &message), 0);
}

static struct conversation *only(struct person *p)
{
        struct conversation *c = (struct conversation *) messenger_conversations(p->messenger);

        assert_non_null(c);
        assert_null(c->next);
        return c;
}

/* The history of the only conversation as "<state of ours or >text|…". */
static void assert_history(struct person *p, const char *expected)
{
        char found[1024] = "";
        struct conversation *c = only(p);
        uint64_t after = 0;

        for (;;) {
                _cleanup_(message_release) struct message m = { 0 };
                int r = history_next(p->vault, conversation_id(c), after, &m);

                assert_true(r >= 0);
                if (r == 0)
                        break;
                after = m.id;
                snprintf(found + strlen(found), sizeof(found) - strlen(found), "%c%.*s|",
                         m.sender == SENDER_OTHER    ? '>'
                         : m.sender == SENDER_NOTICE ? '!'
                                                     : message_state_name(m.state)[0],
                         m.sender == SENDER_NOTICE ? 0 : (int) m.content.text.size, (const char *) m.content.text.data);
        }
        assert_string_equal(found, expected);
}

static void two_people_talk(void **state)
{
        struct fixture *f = *state;
        struct conversation *c = start(&f->alice, &f->bob);

        say(&f->alice, c, "before the hub has answered");
        assert_history(&f->alice, "qbefore the hub has answered|");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->alice, "sbefore the hub has answered|");
        assert_history(&f->bob, ">before the hub has answered|");
        say(&f->bob, only(&f->bob), "hello");
        carry(f, &f->bob, &f->alice);
        assert_history(&f->alice, "sbefore the hub has answered|>hello|");
        assert_int_equal(f->bob.added, 2);
}

static void a_restart_after_every_step_loses_and_doubles_nothing(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        person_restart(&f->alice);
        say(&f->alice, only(&f->alice), "one");
        person_restart(&f->alice);
        for (int i = 0; i < 2; i++) {
                _cleanup_(envelope_release) struct envelope e = { 0 };

                assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &e), 1);
                person_restart(&f->bob);
                assert_int_equal(messenger_deliver(f->bob.messenger, (uint64_t) i + 1, e.content), 0);
                person_restart(&f->bob);
                /* Its answer was lost: it comes again. */
                assert_int_equal(messenger_deliver(f->bob.messenger, (uint64_t) i + 1, e.content), 0);
                person_restart(&f->alice);
                assert_int_equal(messenger_outcome(f->alice.messenger, BYTES_OF(e.id), OUTCOME_STORED), 0);
                person_restart(&f->alice);
                assert_int_equal(messenger_outcome(f->alice.messenger, BYTES_OF(e.id), OUTCOME_STORED), 0);
        }
        assert_history(&f->alice, "sone|");
        assert_history(&f->bob, ">one|");
}

static void a_replay_and_a_forgery_are_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_(envelope_release) struct envelope e = { 0 };
        _cleanup_writer_ struct writer forged = WRITER_INIT;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "once");
        assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &e), 1);
        write_fixed(&forged, e.content);
        forged.data[forged.size - 1] ^= 1;
        assert_int_equal(messenger_deliver(f->bob.messenger, 10, writer_bytes(&forged)), 0);
        assert_history(&f->bob, "");
        assert_int_equal(messenger_deliver(f->bob.messenger, 11, e.content), 0);
        assert_int_equal(messenger_deliver(f->bob.messenger, 12, e.content), 0);
        assert_int_equal(messenger_deliver(f->bob.messenger, 13, BYTES_STRING("garbage")), 0);
        assert_history(&f->bob, ">once|");
}

static void messages_have_one_of_a_few_sizes(void **state)
{
        struct fixture *f = *state;
        size_t sizes[9];
        unsigned count = 0;
        static char text[CONTENT_TEXT_MAX + 1];

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        for (size_t length = 1; length <= CONTENT_TEXT_MAX; length *= 4) {
                _cleanup_(envelope_release) struct envelope e = { 0 };

                memset(text, 'x', length);
                text[length] = '\0';
                say(&f->alice, only(&f->alice), text);
                assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &e), 1);
                sizes[count++] = e.content.size;
                assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, e.content), 0);
                assert_int_equal(messenger_outcome(f->alice.messenger, BYTES_OF(e.id), OUTCOME_STORED), 0);
        }
        assert_int_equal(count, 9); /* of 1, 4, 16, 64, … 65536 characters */
        for (unsigned i = 1; i < 4; i++)
                assert_int_equal(sizes[i], sizes[0]);
        for (unsigned i = 4; i < 9; i++)
                assert_true(sizes[i] > 3 * sizes[i - 1] && sizes[i] < 5 * sizes[i - 1]);
}

static void updates_race_and_the_loser_goes_on(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        assert_int_equal(messenger_update(f->alice.messenger, only(&f->alice)), 0);
        assert_int_equal(messenger_update(f->bob.messenger, only(&f->bob)), 0);
        say(&f->bob, only(&f->bob), "in the old epoch");
        carry(f, &f->alice, &f->bob); /* alice wins; bob, who had a commit of his own waiting, makes it anew */
        carry(f, &f->bob, &f->alice); /* the first of his is stale, the second is not */
        assert_int_equal(f->epoch, 3);
        assert_history(&f->alice, ">in the old epoch|");
        say(&f->alice, only(&f->alice), "in the new one");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->bob, "sin the old epoch|>in the new one|");
}

static void our_keys_are_replaced_after_many_messages(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        assert_int_equal(f->epoch, 1);
        for (int i = 0; i < MESSENGER_UPDATE_AFTER; i++)
                say(&f->alice, only(&f->alice), "x");
        carry(f, &f->alice, &f->bob);
        assert_int_equal(f->epoch, 2);
        say(&f->bob, only(&f->bob), "still");
        carry(f, &f->bob, &f->alice);
        assert_int_equal(f->alice.added, MESSENGER_UPDATE_AFTER + 1);
}

static void both_start_at_once_and_agree_on_one_group(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        start(&f->bob, &f->alice);
        f->epoch = 0;
        carry(f, &f->alice, &f->bob);
        f->epoch = 0;
        carry(f, &f->bob, &f->alice);
        say(&f->alice, only(&f->alice), "ping");
        say(&f->bob, only(&f->bob), "pong");
        carry(f, &f->alice, &f->bob);
        carry(f, &f->bob, &f->alice);
        assert_history(&f->alice, "sping|>pong|");
        assert_history(&f->bob, "spong|>ping|");
        assert_true(bytes_equal(membership_group_id(conversation_current(only(&f->alice))),
                                membership_group_id(conversation_current(only(&f->bob)))));
}

static void a_person_with_a_new_root_key_is_refused_and_shown(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer package = WRITER_INIT;
        struct person mallory;
        struct conversation *c;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        person_sign_up(&mallory, "alice", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                       "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        start(&mallory, &f->bob);
        f->epoch = 0;
        f->bob.sequence = 100;
        carry(f, &mallory, &f->bob);
        assert_history(&f->bob, "!|");
        /* And the other way: a hub that hands out mallory's key package as alice's. */
        person_claim(&mallory, &package);
        assert_int_equal(
                messenger_start(f->bob.messenger, "carol@hub.example.org:7843", writer_bytes(&package), NOW, &c),
                -EBADMSG);
        person_release(&mallory);
}

static void assert_contact(struct person *p, bool verified, bool changed)
{
        struct contact_view view;

        assert_int_equal(messenger_contact_view(p->messenger, only(p), &view), 0);
        assert_int_equal(view.verified, verified);
        assert_int_equal(view.changed, changed);
}

static void a_key_is_verified_until_it_changes_and_the_other_is_accepted(void **state)
{
        struct fixture *f = *state;
        char ours[SAFETY_NUMBER_DIGITS + 1], theirs[SAFETY_NUMBER_DIGITS + 1];
        struct person again; /* alice, who has lost her account and made a new one of the same name */

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        for (struct person *p = &f->alice;; p = &f->bob) {
                _cleanup_free_ char *code = NULL;

                assert_int_equal(
                        messenger_safety_number(p->messenger, only(p), false, p == &f->bob ? theirs : ours, &code), 0);
                if (p == &f->bob)
                        break;
                assert_int_equal(messenger_compare_code(f->alice.messenger, only(&f->alice), code, 1), -EKEYREJECTED);
                assert_int_equal(messenger_compare_code(f->bob.messenger, only(&f->bob), code, 1), 0);
        }
        assert_string_equal(ours, theirs);
        person_restart(&f->bob);
        assert_contact(&f->alice, false, false);
        assert_contact(&f->bob, true, false);
        assert_int_equal(messenger_accept_key(f->bob.messenger, only(&f->bob), ours, 1), -ENOENT);

        person_sign_up(&again, "alice", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        start(&again, &f->bob);
        f->epoch = 0;
        f->bob.sequence = 100;
        carry(f, &again, &f->bob);
        say(&again, only(&again), "before");
        carry(f, &again, &f->bob);
        person_restart(&f->bob);
        assert_contact(&f->bob, true, true);
        assert_history(&f->bob, "!|!|");

        _cleanup_free_ char *code = NULL;
        assert_int_equal(messenger_accept_key(f->bob.messenger, only(&f->bob), ours, 1), -EKEYREJECTED);
        assert_int_equal(messenger_safety_number(f->bob.messenger, only(&f->bob), true, theirs, &code), 0);
        assert_string_not_equal(ours, theirs);
        assert_int_equal(messenger_accept_key(f->bob.messenger, only(&f->bob), theirs, 1), 0);
        person_restart(&f->bob);
        assert_contact(&f->bob, false, false);
        say(&again, only(&again), "after");
        carry(f, &again, &f->bob);
        say(&f->bob, only(&f->bob), "welcome back");
        carry(f, &f->bob, &again);
        assert_history(&f->bob, "!|!|!|>after|swelcome back|");
        assert_history(&again, "sbefore|safter|>welcome back|");

        f->bob.sequence = 200; /* the old account is a stranger now */
        say(&f->alice, only(&f->alice), "it was me");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->bob, "!|!|!|>after|swelcome back|");
        person_release(&again);
}

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
        assert_int_equal(messenger_witness(f->bob.messenger, queued_by(&f->bob), f->bob.sequence), 0);
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
        assert_int_equal(messenger_witness(f->bob.messenger, queued, f->bob.sequence), 1);
        assert_null(only(&f->bob)->memberships);
        assert_string_equal(messenger_next_rejoin(f->bob.messenger), f->alice.address);
        assert_null(messenger_next_rejoin(f->bob.messenger));
        person_restart(&f->bob);
        assert_null(only(&f->bob)->memberships);
        assert_int_equal(messenger_witness(f->bob.messenger, queued, f->bob.sequence), 0);
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
        assert_int_equal(messenger_witness(f->bob.messenger, 0, f->bob.sequence + 1), 1);
        assert_null(only(&f->bob)->memberships);
        assert_int_equal(messenger_witness(f->bob.messenger, 0, f->bob.sequence + 1), 0);
}

static void a_refused_first_commit_leaves_a_conversation_that_can_start_again(void **state)
{
        struct fixture *f = *state;
        _cleanup_(envelope_release) struct envelope e = { 0 };
        uint64_t message;

        start(&f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "lost");
        assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &e), 1);
        assert_int_equal(messenger_outcome(f->alice.messenger, BYTES_OF(e.id), OUTCOME_REFUSED), 0);
        assert_history(&f->alice, "flost|");
        assert_int_equal(messenger_send(f->alice.messenger, only(&f->alice), BYTES_STRING("x"), 1, &message),
                         -ENOTCONN);
        assert_null(messenger_find_address(f->alice.messenger, f->bob.address));
        person_restart(&f->alice);
        start(&f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "found");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->bob, ">found|");
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
        assert_int_equal(messenger_open(copy.vault, &copy.events, &copy.messenger), -EBADMSG);
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

/* Makes @p's vault what it was before groups were stored in parts. */
static void make_older(struct person *p)
{
        static const char sql[] = "UPDATE cell SET content = NULL WHERE id IN (SELECT cell FROM group_part);"
                                  "INSERT INTO cell VALUES (1000, 1, x'00');"
                                  "DROP TABLE group_part; DROP TABLE wanted; DROP TABLE contact;"
                                  "CREATE TABLE older (cell INTEGER PRIMARY KEY REFERENCES cell,"
                                  "                    conversation BLOB NOT NULL REFERENCES conversation);"
                                  "INSERT INTO older SELECT 1000, conversation FROM membership;"
                                  "DROP TABLE membership; ALTER TABLE older RENAME TO membership;"
                                  "ALTER TABLE outbox RENAME COLUMN membership TO cell;"
                                  "ALTER TABLE account DROP COLUMN label; ALTER TABLE account DROP COLUMN idle_lock;"
                                  "ALTER TABLE account DROP COLUMN destroyed;"
                                  "PRAGMA user_version = 3";

        p->messenger = messenger_free(p->messenger);
        assert_int_equal(sqlite3_exec(vault_database(p->vault), sql, NULL, NULL, NULL), SQLITE_OK);
}

static void the_conversations_of_an_older_vault_start_anew(void **state)
{
        struct fixture *f = *state;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "before");
        carry(f, &f->alice, &f->bob);
        make_older(&f->alice);
        make_older(&f->bob);
        person_restart(&f->alice);
        person_restart(&f->bob);
        assert_null(messenger_find_address(f->alice.messenger, f->bob.address));
        f->epoch = 0;
        start(&f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "after");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->alice, "sbefore|safter|");
        assert_history(&f->bob, ">before|>after|");
}

static void texts_that_are_none_are_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer large = WRITER_INIT;
        struct conversation *c = start(&f->alice, &f->bob);
        uint64_t message;

        memset(writer_append(&large, CONTENT_TEXT_MAX + 1), 'x', CONTENT_TEXT_MAX + 1);
        assert_int_equal(messenger_send(f->alice.messenger, c, BYTES_STRING(""), 1, &message), -EINVAL);
        assert_int_equal(messenger_send(f->alice.messenger, c, BYTES_STRING("\xff"), 1, &message), -EINVAL);
        assert_int_equal(messenger_send(f->alice.messenger, c, writer_bytes(&large), 1, &message), -EMSGSIZE);
        assert_int_equal(messenger_mark_read(f->alice.messenger, c, 1), -ENOENT);
        assert_history(&f->alice, "");
}

/* -- kill -9 ------------------------------------------------------------------------------------------------------ */

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

/* -- people whose program is not ours ---------------------------------------------------------------------------- */

/* A group of somebody's own making, with a leaf that their root key vouches for. */
static struct group *make_group(struct person *p, struct bytes id, struct bytes extensions)
{
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        struct device *d = NULL;
        struct group *g = NULL;
        struct identity identity;
        struct key_package k;
        struct reader r;

        assert_int_equal(device_load(p->vault, &d), 0);
        identity = device_identity(d);
        assert_int_equal(identity_key_package(&identity, NOW, NOW + 1000, false, &encoded, &keys), 0);
        reader_init(&r, writer_bytes(&encoded));
        key_package_read(&r, &k);
        assert_int_equal(group_create(d->suite, id, k.leaf.encoded, TAKE(keys.leaf_key),
                                      secret_copy(secret_bytes(d->signature_private_key)), extensions, &g),
                         0);
        device_free(d);
        return g;
}

static void commit(struct group *g, const struct bytes *add, struct writer *out, struct writer *welcome)
{
        struct group_change change = { .add = add, .add_count = add ? 1 : 0 };

        assert_int_equal(group_commit(g, &change, &(struct group_host){ 0 }, out, welcome), 0);
        group_merge_pending(g);
}

/* Adds @with to @g and has the Welcome delivered. */
static void invite(struct group *g, struct person *with)
{
        _cleanup_writer_ struct writer package = WRITER_INIT, out = WRITER_INIT, welcome = WRITER_INIT;
        struct bytes add;

        person_claim(with, &package);
        add = writer_bytes(&package);
        commit(g, &add, &out, &welcome);
        assert_true(welcome.size <= 1024 * 1024);
        assert_int_equal(messenger_deliver(with->messenger, ++with->sequence, writer_bytes(&welcome)), 0);
}

static void speak(struct group *g, struct person *to, const char *text)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, message = WRITER_INIT;

        content_write(&plain, &(struct content){ 1, BYTES_STRING(text) });
        assert_int_equal(group_protect(g, writer_bytes(&plain), BYTES(NULL, 0), 0, &message), 0);
        assert_int_equal(messenger_deliver(to->messenger, ++to->sequence, writer_bytes(&message)), 0);
}

static void the_id_of_a_group_cannot_be_taken_by_another(void **state)
{
        struct fixture *f = *state;
        struct person carol;
        struct group *g;

        person_sign_up(&carol, "carol", "00112233445566778899aabbccddeeff", "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        g = make_group(&carol, membership_group_id(conversation_current(only(&f->alice))), BYTES(NULL, 0));
        invite(g, &f->bob);
        say(&f->alice, only(&f->alice), "still here");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->bob, ">still here|");
        group_free(g);
        person_release(&carol);
}

/* An external_senders extension of about @size bytes, which no leaf has to support. */
static void write_large_extension(struct writer *out, size_t size)
{
        size_t extension, list, credential;

        write_u16(out, 5);
        extension = writer_open_vector(out);
        list = writer_open_vector(out);
        write_vector(out, BYTES_STRING("key"));
        write_u16(out, CREDENTIAL_BASIC);
        credential = writer_open_vector(out);
        memset(writer_append(out, size), 'x', size);
        writer_close_vector(out, credential);
        writer_close_vector(out, list);
        writer_close_vector(out, extension);
}

/* As large as an invitation can be, in several epochs: a part of its state for each, which a cell can hold. */
static void a_group_with_a_large_context_is_kept(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer extension = WRITER_INIT;
        struct group *g;

        write_large_extension(&extension, 1024 * 1024 - 2200);
        g = make_group(&f->alice, BYTES_STRING("group"), writer_bytes(&extension));
        invite(g, &f->bob);
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_writer_ struct writer out = WRITER_INIT, none = WRITER_INIT;

                speak(g, &f->bob, i ? "two" : "one");
                commit(g, NULL, &out, &none);
                assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, writer_bytes(&out)), 0);
                person_restart(&f->bob);
        }
        speak(g, &f->bob, "three");
        assert_history(&f->bob, ">one|>two|>three|");
        group_free(g);
}

static int64_t stored_bytes(struct person *p)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(vault_database(p->vault), &s,
                                         "SELECT (SELECT SUM(LENGTH(content)) FROM cell)"
                                         " + (SELECT SUM(LENGTH(content)) FROM group_part)",
                                         ""),
                         0);
        assert_int_equal(storage_step(s), 1);
        return storage_column_integer(s, 0);
}

/* Another device of @p's, as far as its root key can say. */
static void second_package(struct person *p, struct writer *out)
{
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        _cleanup_writer_ struct writer key = WRITER_INIT, credential = WRITER_INIT;
        _cleanup_secret_ struct secret *signature_key = NULL;
        struct device *d = NULL;
        struct identity identity;

        assert_int_equal(device_load(p->vault, &d), 0);
        signature_key = suite_signature_generate(d->suite, &key);
        assert_int_equal(device_credential_write(d->suite, BYTES_STRING(d->address), writer_bytes(&d->root_key),
                                                 d->root_private_key, writer_bytes(&key), &credential),
                         0);
        identity = (struct identity){
                .suite = d->suite,
                .credential = { CREDENTIAL_BASIC, writer_bytes(&credential) },
                .signature_key = writer_bytes(&key),
                .signature_private_key = signature_key,
        };
        assert_int_equal(identity_key_package(&identity, NOW, NOW + 1000, false, out, &keys), 0);
        device_free(d);
}

/* A proposal to add oneself, which needs no member. */
static void propose(const struct group *g, struct person *p, struct writer *out)
{
        const struct epoch *e = group_epoch(g);
        _cleanup_writer_ struct writer body = WRITER_INIT, package = WRITER_INIT, signature = WRITER_INIT,
                                       key = WRITER_INIT;
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        _cleanup_signature_key_ struct signature_key *signature_key = NULL;
        struct authenticated_content a = { .wire_format = WIRE_FORMAT_PUBLIC_MESSAGE };
        struct device *d = NULL;
        struct identity identity;

        assert_int_equal(device_load(p->vault, &d), 0);
        identity = device_identity(d);
        assert_int_equal(identity_key_package(&identity, NOW, NOW + 1000, false, &package, &keys), 0);
        write_u16(&body, PROPOSAL_ADD);
        write_fixed(&body, writer_bytes(&package));
        a.content = (struct framed_content){ .group_id = e->context.group_id,
                                             .epoch = e->context.epoch,
                                             .sender_type = SENDER_NEW_MEMBER_PROPOSAL,
                                             .content_type = CONTENT_PROPOSAL,
                                             .body = writer_bytes(&body) };
        assert_int_equal(signature_key_new(d->suite, d->signature_private_key, &signature_key), 0);
        assert_int_equal(authenticated_content_sign(signature_key, BYTES(NULL, 0), &a, &signature), 0);
        a.auth.signature = writer_bytes(&signature);
        write_u16(out, PROTOCOL_MLS10);
        write_u16(out, WIRE_FORMAT_PUBLIC_MESSAGE);
        assert_int_equal(public_message_write(d->suite, NULL, BYTES(NULL, 0), &a, out), 0);
        device_free(d);
}

static void nothing_is_stored_that_a_conversation_has_no_use_for(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer proposal = WRITER_INIT, package = WRITER_INIT, out = WRITER_INIT,
                                       welcome = WRITER_INIT;
        struct group *g = make_group(&f->alice, BYTES_STRING("group"), BYTES(NULL, 0));
        struct bytes add;
        struct person carol;
        int64_t before;

        person_sign_up(&carol, "carol", "00112233445566778899aabbccddeeff", "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        invite(g, &f->bob);
        speak(g, &f->bob, "one");
        before = stored_bytes(&f->bob);
        propose(g, &carol, &proposal);
        assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, writer_bytes(&proposal)), 0);
        assert_int_equal(stored_bytes(&f->bob), before);
        speak(g, &f->bob, "two");
        assert_int_equal(stored_bytes(&f->bob), before);

        second_package(&f->alice, &package);
        add = writer_bytes(&package);
        commit(g, &add, &out, &welcome);
        assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, writer_bytes(&out)), 0);
        assert_int_equal(membership_epoch(conversation_current(only(&f->bob))), 1);
        assert_int_equal(stored_bytes(&f->bob), before);
        assert_history(&f->bob, ">one|>two|");
        group_free(g);
        person_release(&carol);
}

static void key_packages_that_nobody_uses_do_not_fill_the_disk(void **state)
{
        struct fixture *f = *state;
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        for (unsigned i = 0; i <= KEY_PACKAGES_MAX / KEY_PACKAGES_STOCK; i++) {
                _cleanup_writer_ struct writer packages = WRITER_INIT;

                assert_int_equal(messenger_key_packages(f->bob.messenger, KEY_PACKAGES_STOCK, NOW + i, &packages), 0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)
        const struct CMUnitTest tests[] = {
                TEST(two_people_talk),
                TEST(a_restart_after_every_step_loses_and_doubles_nothing),
                TEST(a_replay_and_a_forgery_are_refused),
                TEST(messages_have_one_of_a_few_sizes),
                TEST(updates_race_and_the_loser_goes_on),
                TEST(our_keys_are_replaced_after_many_messages),
                TEST(both_start_at_once_and_agree_on_one_group),
                TEST(a_person_with_a_new_root_key_is_refused_and_shown),
                TEST(a_key_is_verified_until_it_changes_and_the_other_is_accepted),
                TEST(a_vault_that_is_put_back_uses_no_key_twice),
                TEST(deliveries_that_are_missing_show_that_a_vault_is_old),
                TEST(a_refused_first_commit_leaves_a_conversation_that_can_start_again),
                TEST(used_keys_are_gone_from_the_disk),
                TEST(of_each_part_that_changes_the_old_key_is_gone),
                TEST(the_conversations_of_an_older_vault_start_anew),
                TEST(one_who_sends_is_killed_at_any_instant),
                TEST(one_who_receives_is_killed_at_any_instant),
                TEST(texts_that_are_none_are_refused),
                TEST(the_id_of_a_group_cannot_be_taken_by_another),
                TEST(a_group_with_a_large_context_is_kept),
                TEST(nothing_is_stored_that_a_conversation_has_no_use_for),
                TEST(key_packages_that_nobody_uses_do_not_fill_the_disk),
                TEST(a_message_that_cannot_be_stored_is_good_when_it_comes_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
