/* Secrets are gone from memory when they have been used (RFC 9420 §9.2), and all of them when a group is freed.
 *
 * Every secret that the library holds is noted as it is freed, along with the private keys that OpenSSL makes for it
 * and the keys that encrypt messages; then all of the process's memory is searched for them. What is promised so is the
 * library's own, with whatever heap it is given: cryptod's besides wipes all that is freed (cryptod/wiping_heap.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/mls/key.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "tests/unit/memory_search.h"
#include "tests/unit/mls/people.h"

static enum note { NOTE_NOTHING, NOTE_MESSAGES, NOTE_COMMITS } noting;

static void note(enum note what, struct bytes secret)
{
        if (noting == what)
                search_note(secret, __builtin_return_address(0));
}

/* A key of one's own that agrees is an ephemeral one, or made from a secret. */
int __real_key_agree(EVP_PKEY *own, EVP_PKEY *peer, size_t size, struct secret **out);
int __wrap_key_agree(EVP_PKEY *own, EVP_PKEY *peer, size_t size, struct secret **out);
int __wrap_key_agree(EVP_PKEY *own, EVP_PKEY *peer, size_t size, struct secret **out)
{
        secret_free(key_private(own, size));
        return __real_key_agree(own, peer, size, out);
}

int __real_suite_seal(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes plain, struct writer *out);
int __wrap_suite_seal(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes plain, struct writer *out);
int __wrap_suite_seal(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes plain, struct writer *out)
{
        note(NOTE_MESSAGES, secret_bytes(key));
        note(NOTE_MESSAGES, secret_bytes(nonce));
        return __real_suite_seal(s, key, nonce, aad, plain, out);
}

/* What leads from one epoch into the next. */
struct secret *__real_key_schedule_joiner(const struct suite *s, const struct secret *init_secret,
                                          const struct secret *commit_secret, struct bytes group_context);
struct secret *__wrap_key_schedule_joiner(const struct suite *s, const struct secret *init_secret,
                                          const struct secret *commit_secret, struct bytes group_context);
struct secret *__wrap_key_schedule_joiner(const struct suite *s, const struct secret *init_secret,
                                          const struct secret *commit_secret, struct bytes group_context)
{
        struct secret *joiner = __real_key_schedule_joiner(s, init_secret, commit_secret, group_context);

        note(NOTE_COMMITS, secret_bytes(init_secret));
        note(NOTE_COMMITS, secret_bytes(commit_secret));
        note(NOTE_COMMITS, secret_bytes(joiner));
        return joiner;
}

static void a_commit(struct person *from, struct person *people)
{
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT;
        struct group_change update = { 0 };

        assert_int_equal(group_commit(from->group, &update, &(struct group_host){ .threads = 2 }, &commit, &welcome),
                         0);
        group_merge_pending(from->group);
        for (unsigned i = 0; i < MEMBERS; i++)
                if (&people[i] != from && people[i].group)
                        assert_int_equal(process(&people[i], writer_bytes(&commit)), 0);
}

static void a_text(struct person *from, struct person *people)
{
        _cleanup_writer_ struct writer message = WRITER_INIT;

        protect(from, "a text that is gone as well", &message);
        for (unsigned i = 0; i < MEMBERS; i++)
                if (&people[i] != from && people[i].group)
                        assert_reads(&people[i], &message, "a text that is gone as well");
}

/* The tests run in suites whose keys OpenSSL keeps in different ways. */
static const struct suite *suite_at_test(unsigned n)
{
        static const char *const names[] = { "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
                                             "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
                                             "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
                                             "MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384" };

        return n < COUNT_OF(names) ? suite_by_name(names[n]) : NULL;
}

/* As if somebody read what is there: nothing of it is optimised away. */
static void look_at(const uint8_t *p)
{
        __asm__ volatile("" : : "r"(p) : "memory");
}

static void leave_in_heap(void *userdata)
{
        struct person *people = userdata;
        uint8_t *heap = malloc(64);

        memcpy(heap + 32, people->public_key.data, 32);
        look_at(heap);
        free(heap);
}

static void leave_on_stack(void *userdata)
{
        struct person *people = userdata;
        uint8_t stack[1024];

        for (size_t i = 0; i < sizeof(stack); i += 32)
                memcpy(stack + i, people->public_key.data, 32);
        look_at(stack);
}

/* The control: this test can fail. What looks like a secret here is not one, so that nobody wipes it. */
static void what_is_left_in_the_heap_or_on_a_stack_is_found(void **state)
{
        void (*const leave[])(void *userdata) = { leave_in_heap, leave_on_stack };

        for (size_t i = 0; i < COUNT_OF(leave); i++) {
                struct person p = { 0 };

                random_fill(writer_append(&p.public_key, 32), 32);
                search_forget();
                search_note(writer_bytes(&p.public_key), NULL);
                search_deep(leave[i], &p);
                person_release(&p);
                assert_true(search(true) > 0);
        }
}

static void assert_lives(struct bytes secret)
{
        search_forget();
        search_note(secret, NULL);
        assert_true(search(true) > 0);
}

static void what_is_in_use_is_found(void **state)
{
        const struct suite *s;

        for (unsigned n = 0; (s = suite_at_test(n)); n++) {
                struct person people[MEMBERS] = { 0 };
                const struct epoch *e;

                gather(s, people);
                e = group_epoch(people[0].group);
                assert_lives(secret_bytes(e->schedule.init_secret));
                assert_lives(secret_bytes(private_keys_get(&e->keys, tree_leaf_node(e->keys.leaf))));
                assert_lives(secret_bytes(people[0].keys.init_key));
                people_release(people, MEMBERS);
        }
}

/* As people do whose disks are no memory: what is saved of them is not looked for, so that they cannot start again. */
static void gather_without_disks(const struct suite *s, struct person *people)
{
        gather(s, people);
        for (unsigned i = 0; i < MEMBERS; i++)
                disk_release(&people[i].disk);
}

static void send_texts(void *userdata)
{
        struct person *people = userdata;
        for (unsigned i = 0; i < MEMBERS; i++)
                a_text(&people[i], people);
}

static void keys_of_messages_are_gone_once_all_have_used_them(void **state)
{
        const struct suite *s;

        for (unsigned n = 0; (s = suite_at_test(n)); n++) {
                struct person people[MEMBERS] = { 0 };

                gather_without_disks(s, people);
                search_forget();
                noting = NOTE_MESSAGES;
                search_deep(send_texts, people);
                noting = NOTE_NOTHING;
                assert_true(search_notes() > 0);
                assert_int_equal(search(false), 0);
                people_release(people, MEMBERS);
        }
}

static void commit_by_all(void *userdata)
{
        struct person *people = userdata;
        for (unsigned i = 0; i < MEMBERS; i++)
                a_commit(&people[i], people);
}

static void what_led_into_an_epoch_is_gone_once_all_are_in_it(void **state)
{
        const struct suite *s;

        for (unsigned n = 0; (s = suite_at_test(n)); n++) {
                struct person people[MEMBERS] = { 0 };

                gather_without_disks(s, people);
                search_forget();
                noting = NOTE_COMMITS;
                search_deep(commit_by_all, people);
                noting = NOTE_NOTHING;
                assert_true(search_notes() > 0);
                assert_int_equal(search(false), 0);
                people_release(people, MEMBERS);
        }
}

/* Everybody's leaf key, and the epoch's secrets. */
static void note_epoch(const struct person *people)
{
        const struct key_schedule *k = &group_epoch(people[0].group)->schedule;
        const struct secret *secrets[] = { k->sender_data_secret, k->exporter_secret, k->external_secret,
                                           k->confirmation_key,   k->membership_key,  k->epoch_authenticator };

        search_forget();
        for (unsigned i = 0; i < COUNT_OF(secrets); i++)
                search_note(secret_bytes(secrets[i]), NULL);
        for (unsigned i = 0; i < MEMBERS; i++) {
                const struct private_keys *keys = &group_epoch(people[i].group)->keys;

                search_note(secret_bytes(private_keys_get(keys, tree_leaf_node(keys->leaf))), NULL);
        }
}

static void an_epoch_is_gone_when_no_message_of_it_may_come(void **state)
{
        const struct suite *s;

        assert_true((int) MEMBERS > (int) GROUP_PAST_EPOCHS);
        for (unsigned n = 0; (s = suite_at_test(n)); n++) {
                struct person people[MEMBERS] = { 0 };

                gather_without_disks(s, people);
                for (unsigned i = 0; i < MEMBERS; i++)
                        key_package_keys_release(&people[i].keys);
                note_epoch(people);
                assert_true(search(true) > 0);
                search_deep(commit_by_all, people);
                assert_int_equal(search(false), 0);
                people_release(people, MEMBERS);
        }
}

static void meet(void *userdata)
{
        struct person *people = userdata;
        gather(people->suite, people);
}

static void protect_one(void *userdata)
{
        struct person *people = userdata;
        _cleanup_writer_ struct writer message = WRITER_INIT;

        protect(&people[0], "a text", &message);
}

static void restart_all(void *userdata)
{
        struct person *people = userdata;
        for (unsigned i = 0; i < MEMBERS; i++)
                restart(&people[i]);
}

static void export_one(void *userdata)
{
        struct person *people = userdata;
        secret_free(group_export(people[0].group, "label", BYTES(NULL, 0), 32));
}

static void free_all(void *userdata)
{
        struct person *people = userdata;
        people_release(people, MEMBERS);
}

/* What is in use lies in the pool of locked pages, so nothing at all is left on the stack by an operation; and of all
 * that was a secret of the library's, from the first key package on, nothing anywhere by the last one. */
static void nothing_is_left_on_the_stack_and_in_the_end_nothing_at_all(void **state)
{
        void (*const operations[])(void *userdata) = { meet,       protect_one, restart_all, commit_by_all,
                                                       send_texts, export_one,  free_all };
        const struct suite *s;

        for (unsigned n = 0; (s = suite_at_test(n)); n++) {
                struct person people[MEMBERS] = { { .suite = s } };

                search_forget();
                search_notes_freed = true;
                for (size_t i = 0; i < COUNT_OF(operations); i++) {
                        search_deep(operations[i], people);
                        assert_int_equal(search_stack(), 0);
                }
                search_notes_freed = false;
                assert_true(search_notes() > 1000);
                assert_int_equal(search(false), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_left_in_the_heap_or_on_a_stack_is_found),
                cmocka_unit_test(what_is_in_use_is_found),
                cmocka_unit_test(keys_of_messages_are_gone_once_all_have_used_them),
                cmocka_unit_test(what_led_into_an_epoch_is_gone_once_all_are_in_it),
                cmocka_unit_test(an_epoch_is_gone_when_no_message_of_it_may_come),
                cmocka_unit_test(nothing_is_left_on_the_stack_and_in_the_end_nothing_at_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
