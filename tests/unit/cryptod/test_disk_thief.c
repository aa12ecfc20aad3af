/* Whoever has the vault key and the disk cannot win back what was used up: keys of each kind, one after the other. That
 * each was there before, and that what is still needed is still found, shows that the thief (disk_thief.h) can open
 * what there is to open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cryptod/conversation/messenger_contact.h"
#include "disk_thief.h"
#include "messenger_pair.h"
#include "services/cleanup.h"

#define _cleanup_loot_ __attribute__((cleanup(loot_release)))
#define ANY UINT64_MAX

static void assert_all_gone(const struct loot *then, const struct loot *now, enum key_kind kind, uint64_t epoch)
{
        unsigned all = loot_count(then, kind, epoch);

        if (all == 0 || loot_gone(then, now, kind, epoch) != all)
                fail_msg("of %u keys of kind %d, %u are gone", all, kind, loot_gone(then, now, kind, epoch));
}

static void assert_some_there(const struct loot *then, const struct loot *now, enum key_kind kind, uint64_t epoch)
{
        assert_true(loot_gone(then, now, kind, epoch) < loot_count(then, kind, epoch));
}

static void update(struct fixture *f, struct person *p, struct person *other)
{
        assert_int_equal(messenger_update(p->messenger, only(p)), 0);
        carry(f, p, other);
}

static void the_init_key_of_a_key_package_that_was_used(void **state)
{
        struct fixture *f = *state;
        _cleanup_loot_ struct loot before = { 0 }, after = { 0 };

        start(&f->alice, &f->bob);
        thief_rob(&f->bob, &before);
        carry(f, &f->alice, &f->bob);
        thief_rob(&f->bob, &after);
        assert_int_equal(loot_count(&before, KEY_INIT, ANY), 3); /* one of them the last resort */
        assert_int_equal(loot_gone(&before, &after, KEY_INIT, ANY), 1);
        assert_int_equal(loot_gone(&before, &after, KEY_PACKAGE_LEAF, ANY), 0); /* it is his leaf's key now */
}

static void ratchets_and_the_keys_of_messages(void **state)
{
        struct fixture *f = *state;
        _cleanup_loot_ struct loot before = { 0 }, sent_before = { 0 }, sent = { 0 }, kept = { 0 }, after = { 0 };
        _cleanup_(envelope_release) struct envelope first = { 0 }, second = { 0 };

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        say(&f->alice, only(&f->alice), "one");
        carry(f, &f->alice, &f->bob);
        thief_rob(&f->bob, &before);
        thief_rob(&f->alice, &sent_before);
        say(&f->alice, only(&f->alice), "two");
        say(&f->alice, only(&f->alice), "three");
        thief_rob(&f->alice, &sent);
        assert_int_equal(loot_gone(&sent_before, &sent, KEY_RATCHET, ANY), 1); /* she has two, one for commits */
        assert_true(loot_count(&sent, KEY_RATCHET, ANY) >= 2);

        assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &first), 1);
        assert_int_equal(messenger_next_envelope(f->alice.messenger, first.number, &second), 1);
        assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, second.content), 0);
        thief_rob(&f->bob, &kept);
        assert_int_equal(loot_gone(&before, &kept, KEY_RATCHET, ANY), 1);
        assert_int_equal(loot_count(&kept, KEY_MESSAGE, ANY), 1);
        assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, first.content), 0);
        thief_rob(&f->bob, &after);
        assert_all_gone(&kept, &after, KEY_MESSAGE, ANY);
        assert_int_equal(loot_gone(&kept, &after, KEY_RATCHET, ANY), 0);
}

static void what_an_epoch_had(void **state)
{
        static const enum key_kind at_once[] = {
                KEY_LEAF,       KEY_PATH,          KEY_EXPORTER,   KEY_EXTERNAL, KEY_CONFIRMATION,
                KEY_MEMBERSHIP, KEY_AUTHENTICATOR, KEY_EPOCH_INIT, KEY_TREE_NODE /* his, of which the ratchet for his
                                                                                    commit was made */
        };
        static const enum key_kind later[] = { KEY_SENDER_DATA, KEY_RATCHET };
        struct fixture *f = *state;
        _cleanup_loot_ struct loot before = { 0 }, next = { 0 }, after = { 0 };
        uint64_t epoch;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        update(f, &f->bob, &f->alice); /* an epoch in which he has keys of a path */
        say(&f->alice, only(&f->alice), "one");
        carry(f, &f->alice, &f->bob);
        epoch = membership_epoch(conversation_current(only(&f->bob)));
        thief_rob(&f->bob, &before);
        assert_int_equal(loot_count(&before, KEY_ENCRYPTION, ANY), 0); /* it is taken apart at once */

        update(f, &f->bob, &f->alice);
        thief_rob(&f->bob, &next);
        for (size_t i = 0; i < COUNT_OF(at_once); i++)
                assert_all_gone(&before, &next, at_once[i], epoch);
        for (size_t i = 0; i < COUNT_OF(at_once); i++)
                assert_true(loot_count(&next, at_once[i], epoch + 1) > 0);
        for (size_t i = 0; i < COUNT_OF(later); i++)
                assert_some_there(&before, &next, later[i], epoch);

        for (unsigned i = 0; i < GROUP_PAST_EPOCHS; i++)
                update(f, i % 2 ? &f->alice : &f->bob, i % 2 ? &f->bob : &f->alice);
        thief_rob(&f->bob, &after);
        for (size_t i = 0; i < COUNT_OF(later); i++)
                assert_all_gone(&before, &after, later[i], epoch);
        assert_some_there(&before, &after, KEY_EPOCH_RESUMPTION,
                          epoch); /* it binds groups to each other; opens nothing */

        for (unsigned i = 0; i < GROUP_RESUMPTION_PSKS; i++)
                update(f, &f->bob, &f->alice);
        loot_release(&after);
        thief_rob(&f->bob, &after);
        assert_all_gone(&before, &after, KEY_EPOCH_RESUMPTION, epoch);
}

/* Of a person who has set up another account, whose key was accepted. */
static void groups_with_somebodys_old_key(void **state)
{
        struct fixture *f = *state;
        _cleanup_loot_ struct loot before = { 0 }, after = { 0 }, restarted = { 0 };
        _cleanup_free_ char *code = NULL;
        char digits[SAFETY_NUMBER_DIGITS + 1];
        struct person again;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        update(f, &f->bob, &f->alice);
        thief_rob(&f->bob, &before);

        person_sign_up(&again, "alice", "00112233445566778899aabbccddeeff", PERSON_SUITE);
        start(&again, &f->bob);
        f->epoch = 0;
        carry(f, &again, &f->bob);
        assert_int_equal(messenger_safety_number(f->bob.messenger, only(&f->bob), true, digits, &code), 0);
        assert_int_equal(messenger_accept_key(f->bob.messenger, only(&f->bob), digits, 1), 0);
        thief_rob(&f->bob, &after);
        person_restart(&f->bob);
        thief_rob(&f->bob, &restarted);
        for (unsigned kind = KEY_LEAF; kind <= KEY_RESUMPTION; kind++) {
                if (loot_count(&before, (enum key_kind) kind, ANY) == 0)
                        continue;
                assert_all_gone(&before, &after, (enum key_kind) kind, ANY);
                assert_all_gone(&before, &restarted, (enum key_kind) kind, ANY);
        }
        assert_true(loot_count(&restarted, KEY_EXPORTER, ANY) > 0); /* of the group with her new account */
        person_release(&again);
}

/* All of it: the vault was put back from an older copy. */
static void what_is_erased_for_it_may_be_in_use_elsewhere(void **state)
{
        struct fixture *f = *state;
        _cleanup_loot_ struct loot before = { 0 }, after = { 0 };

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        update(f, &f->bob, &f->alice);
        thief_rob(&f->bob, &before);
        assert_int_equal(messenger_witness(f->bob.messenger, &(struct witness){ .delivered = f->bob.sequence + 1 }), 1);
        thief_rob(&f->bob, &after);
        assert_int_equal(after.count, 0);
        for (unsigned kind = KEY_INIT; kind <= KEY_RESUMPTION; kind++)
                if (loot_count(&before, (enum key_kind) kind, ANY) > 0)
                        assert_all_gone(&before, &after, (enum key_kind) kind, ANY);
}

static int tear_down(void **state)
{
        thief_forget();
        return pair_release(state);
}

#define THIEF_TEST(name) cmocka_unit_test_setup_teardown(name, pair_make, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                THIEF_TEST(the_init_key_of_a_key_package_that_was_used),
                THIEF_TEST(ratchets_and_the_keys_of_messages),
                THIEF_TEST(what_an_epoch_had),
                THIEF_TEST(groups_with_somebodys_old_key),
                THIEF_TEST(what_is_erased_for_it_may_be_in_use_elsewhere),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
