/* Accounts at several hubs: under which name they speak where, and who is told where else they can be reached. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/messenger_contact.h"
#include "messenger_pair.h"
#include "services/cleanup.h"
#include "services/storage.h"

/* One more hub of @p's, as the first further one, under @name. */
static void join(struct person *p, unsigned number, const char *address)
{
        struct vault_hub h = { .number = number };

        snprintf(h.address, sizeof(h.address), "%s", address);
        assert_int_equal(vault_hub_add(p->vault, &h), 0);
        assert_int_equal(messenger_hubs_changed(p->messenger), 0);
}

/* Carries all of @from's envelopes; @recipients: those of the last that was no commit, as "alice@hub bob@other ". */
static void bring(struct fixture *f, struct person *from, struct person *to, char *recipients, size_t size)
{
        for (;;) {
                _cleanup_(envelope_release) struct envelope e = { 0 };
                struct reader r;

                if (messenger_next_envelope(from->messenger, 0, &e) == 0)
                        return;
                reader_init(&r, e.recipients);
                for (size_t n = 0; e.group.size == 0 && reader_more(&r);) {
                        struct bytes a = read_vector(&r);
                        int got = snprintf(recipients + n, size - n, "%.*s ", (int) strcspn((const char *) a.data, "."),
                                           (const char *) a.data);

                        n += (size_t) got;
                }
                assert_int_equal(messenger_deliver(to->messenger, ++to->sequence, e.content), 0);
                assert_int_equal(messenger_outcome(from->messenger, BYTES_OF(e.id), OUTCOME_STORED), 0);
        }
}

/* The first one-time key package that @p makes for a hub, and whether one of last resort was made. */
static bool make_package(struct person *p, unsigned number, struct writer *out)
{
        _cleanup_writer_ struct writer packages = WRITER_INIT;
        struct reader r, inner;
        bool last_resort;

        assert_int_equal(messenger_key_packages(p->messenger, number, 1, NOW, &packages), 0);
        reader_init(&r, writer_bytes(&packages));
        inner = read_vector_open(&r);
        last_resort = read_u8(&inner) == 1;
        if (last_resort) {
                (void) read_vector(&inner);
                (void) read_u8(&inner);
        }
        write_fixed(out, read_vector(&inner));
        return last_resort;
}

static void a_hub_sees_the_name_that_one_has_there(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer here = WRITER_INIT, there = WRITER_INIT, again = WRITER_INIT, none = WRITER_INIT;

        join(&f->bob, 1, "robert@other.example.org:7843");
        assert_true(make_package(&f->bob, 0, &here));
        assert_true(make_package(&f->bob, 1, &there)); /* each hub has one of last resort */
        assert_false(make_package(&f->bob, 1, &again));
        assert_int_equal(messenger_key_packages(f->bob.messenger, 2, 1, NOW, &none), -ENOENT);
        assert_non_null(memmem(here.data, here.size, "bob@hub", 7));
        assert_null(memmem(here.data, here.size, "robert", 6));
        assert_non_null(memmem(there.data, there.size, "robert@other", 12));
        assert_null(memmem(there.data, there.size, "@hub", 4));
}

static void a_hub_that_always_wants_more_costs_the_others_no_key_packages(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer here = WRITER_INIT, first = WRITER_INIT, more = WRITER_INIT, last = WRITER_INIT;
        char recipients[256] = "";
        struct conversation *c = NULL;

        join(&f->bob, 1, "robert@other.example.org:7843");
        (void) make_package(&f->bob, 0, &here);
        assert_int_equal(messenger_key_packages(f->bob.messenger, 1, 1, NOW, &first), 0);
        assert_int_equal(messenger_key_packages(f->bob.messenger, 1, 1, NOW + 1, &more), 0);
        /* As many more as there may be, which would take seconds to make. */
        assert_int_equal(
                storage_run(vault_database(f->bob.vault),
                            "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
                            " INSERT INTO key_package (ref, cell, last_resort, not_after, hub)"
                            " SELECT randomblob(32), cell, 0, not_after, hub FROM n, (SELECT * FROM key_package"
                            " WHERE NOT last_resort AND hub = 1 ORDER BY not_after DESC LIMIT 1)",
                            "i", (int64_t) KEY_PACKAGES_MAX),
                0);
        assert_int_equal(messenger_key_packages(f->bob.messenger, 1, 1, NOW + 2, &last), 0);
        assert_int_equal(messenger_start(f->alice.messenger, f->bob.address, writer_bytes(&here), NOW, &c), 0);
        say(&f->alice, c, "hello");
        bring(f, &f->alice, &f->bob, recipients, sizeof(recipients));
        assert_history(&f->bob, ">hello|");
}

static void a_conversation_is_at_the_hub_of_the_address(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer package = WRITER_INIT;
        char digits[2][SAFETY_NUMBER_DIGITS + 1], *code, recipients[256] = "";
        struct conversation *c = NULL;

        join(&f->alice, 3, "alicia@other.example.org:7843");
        join(&f->bob, 1, "robert@other.example.org:7843");
        (void) make_package(&f->bob, 1, &package);
        assert_int_equal(
                messenger_start(f->alice.messenger, "robert@other.example.org:7843", writer_bytes(&package), NOW, &c),
                0);
        say(&f->alice, c, "there");
        bring(f, &f->alice, &f->bob, recipients, sizeof(recipients));
        assert_string_equal(only(&f->bob)->address, "alicia@other.example.org:7843");
        assert_history(&f->bob, ">there|");
        say(&f->bob, only(&f->bob), "back");
        bring(f, &f->bob, &f->alice, recipients, sizeof(recipients));
        assert_history(&f->alice, "sthere|>back|");
        assert_int_equal(messenger_safety_number(f->alice.messenger, only(&f->alice), false, digits[0], &code), 0);
        free(code);
        assert_int_equal(messenger_safety_number(f->bob.messenger, only(&f->bob), false, digits[1], &code), 0);
        free(code);
        assert_string_equal(digits[0], digits[1]);
        person_restart(&f->alice); /* what is on disk says the same */
        say(&f->alice, only(&f->alice), "again");
        bring(f, &f->alice, &f->bob, recipients, sizeof(recipients));
        assert_history(&f->bob, ">there|sback|>again|");
}

static void members_tell_each_other_where_else_they_are(void **state)
{
        struct fixture *f = *state;
        char recipients[256] = "";

        say(&f->alice, start(&f->alice, &f->bob), "one");
        bring(f, &f->alice, &f->bob, recipients, sizeof(recipients));
        assert_string_equal(recipients, "bob@hub ");
        join(&f->alice, 1, "alicia@other.example.org:7843");
        join(&f->alice, 2, "al@third.example.org:7843");
        join(&f->bob, 1, "robert@other.example.org:7843");
        say(&f->alice, only(&f->alice), "two"); /* with it comes the commit that tells where alice is */
        bring(f, &f->alice, &f->bob, recipients, sizeof(recipients));
        assert_string_equal(recipients, "bob@hub ");
        say(&f->bob, only(&f->bob), "three");
        bring(f, &f->bob, &f->alice, recipients, sizeof(recipients));
        assert_string_equal(recipients, "alice@hub alicia@other ");
        say(&f->alice, only(&f->alice), "four");
        bring(f, &f->alice, &f->bob, recipients, sizeof(recipients));
        assert_string_equal(recipients, "bob@hub robert@other ");
        person_restart(&f->bob);
        say(&f->bob, only(&f->bob), "five");
        bring(f, &f->bob, &f->alice, recipients, sizeof(recipients));
        assert_string_equal(recipients, "alice@hub alicia@other ");
        join(&f->bob, 2, "bert@third.example.org:7843");
        assert_int_equal(vault_hubs_order(f->bob.vault, (unsigned[]){ 2, 1 }, 2), 0);
        assert_int_equal(messenger_hubs_changed(f->bob.messenger), 0);
        say(&f->bob, only(&f->bob), "six");
        bring(f, &f->bob, &f->alice, recipients, sizeof(recipients));
        assert_string_equal(recipients, "alice@hub al@third alicia@other ");
        assert_history(&f->alice, "sone|stwo|>three|sfour|>five|>six|");
}

static void whoever_leaves_a_hub_is_not_looked_for_there_any_more(void **state)
{
        struct fixture *f = *state;
        char recipients[256] = "";

        join(&f->alice, 1, "alicia@other.example.org:7843");
        join(&f->bob, 1, "robert@other.example.org:7843");
        say(&f->alice, start(&f->alice, &f->bob), "one");
        bring(f, &f->alice, &f->bob, recipients, sizeof(recipients));
        say(&f->bob, only(&f->bob), "two");
        bring(f, &f->bob, &f->alice, recipients, sizeof(recipients));
        assert_string_equal(recipients, "alice@hub alicia@other "); /* whoever begins it has said so at once */
        assert_int_equal(vault_hub_remove(f->bob.vault, 1), 0);
        assert_int_equal(vault_hub_remove(f->bob.vault, 1), -ENOENT);
        assert_int_equal(messenger_hubs_changed(f->bob.messenger), 0);
        say(&f->bob, only(&f->bob), "three");
        bring(f, &f->bob, &f->alice, recipients, sizeof(recipients));
        assert_string_equal(recipients, "alice@hub ");
        say(&f->alice, only(&f->alice), "four");
        bring(f, &f->alice, &f->bob, recipients, sizeof(recipients));
        assert_string_equal(recipients, "bob@hub ");
        assert_history(&f->bob, ">one|stwo|sthree|>four|");
}

static void what_was_refused_on_every_way_has_failed(void **state)
{
        struct fixture *f = *state;
        _cleanup_(envelope_release) struct envelope e = { 0 }, more = { 0 };
        char recipients[256] = "";

        join(&f->alice, 1, "alicia@other.example.org:7843");
        join(&f->bob, 1, "robert@other.example.org:7843");
        say(&f->alice, start(&f->alice, &f->bob), "one");
        bring(f, &f->alice, &f->bob, recipients, sizeof(recipients));
        say(&f->bob, only(&f->bob), "two");
        bring(f, &f->bob, &f->alice, recipients, sizeof(recipients));
        say(&f->alice, only(&f->alice), "three");
        assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &e), 1);
        assert_int_equal(messenger_outcome(f->alice.messenger, BYTES_OF(e.id), OUTCOME_REFUSED), 0);
        assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &more), 0);
        assert_history(&f->alice, "sone|>two|fthree|");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                PAIR_TEST(a_hub_sees_the_name_that_one_has_there),
                PAIR_TEST(a_hub_that_always_wants_more_costs_the_others_no_key_packages),
                PAIR_TEST(a_conversation_is_at_the_hub_of_the_address),
                PAIR_TEST(members_tell_each_other_where_else_they_are),
                PAIR_TEST(what_was_refused_on_every_way_has_failed),
                PAIR_TEST(whoever_leaves_a_hub_is_not_looked_for_there_any_more),
        };

        return cmocka_run_group_tests_name("messenger hubs", tests, NULL, NULL);
}
