/* The hub's store: whose a name is, who is let in, and what is known of somebody. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "services/cleanup.h"

static void a_name_belongs_to_the_first_key_that_asks(void **state)
{
        struct fixture *f = *state;
        struct store_request again = { .operation = STORE_REGISTER,
                                       .name = BYTES_STRING("alice"),
                                       .transport_key = { 1 } };
        struct store_request other = { .operation = STORE_REGISTER,
                                       .name = BYTES_STRING("alice"),
                                       .transport_key = { 9 } };

        assert_int_equal(run(f->store, again).result, STORE_DONE);
        assert_int_equal(run(f->store, other).result, STORE_EXISTS);
        assert_string_equal(run(f->store, other).subject, "alice");
}

static void an_invitation_is_good_so_often_and_so_long(void **state)
{
        struct fixture *f = *state;

        invite(f->store, 7, 2, INT64_MAX);
        invite(f->store, 8, 1, 1); /* long ago */
        assert_int_equal(register_with(f->store, "dave", 4, STORE_INVITED, 6), STORE_REFUSED);
        assert_int_equal(register_with(f->store, "dave", 4, STORE_INVITED, 8), STORE_REFUSED);
        assert_int_equal(register_with(f->store, "alice", 4, STORE_INVITED, 7), STORE_EXISTS);
        assert_int_equal(register_with(f->store, "dave", 4, STORE_INVITED, 7), STORE_DONE);
        assert_int_equal(register_with(f->store, "dave", 4, STORE_INVITED, 6), STORE_DONE); /* the same key again */
        open_again(f);
        assert_int_equal(register_with(f->store, "erin", 5, STORE_INVITED, 7), STORE_DONE);
        assert_int_equal(register_with(f->store, "frank", 6, STORE_INVITED, 7), STORE_REFUSED);
        assert_int_equal(register_with(f->store, "frank", 6, STORE_OPEN, 0), STORE_DONE);
        assert_int_equal(register_with(f->store, "grace", 7, STORE_CLOSED, 0), STORE_REFUSED);
        assert_int_equal(register_with(f->store, "frank", 6, STORE_CLOSED, 0), STORE_DONE);
        assert_int_equal(register_with(f->store, "grace", 7, STORE_OPEN, 0), STORE_DONE);
}

static enum store_refusal refusal_of(struct store *s, uint8_t token)
{
        struct store_request r = run(s, (struct store_request){ .operation = STORE_REGISTER,
                                                                .name = BYTES_STRING("grace"),
                                                                .policy = STORE_INVITED,
                                                                .token = { token } });

        assert_int_equal(r.result, STORE_REFUSED);
        return r.refusal;
}

static enum store_result take_back(struct store *s, uint8_t token)
{
        return run(s, (struct store_request){ .operation = STORE_REVOKE, .token = { token } }).result;
}

static bool note_invitation(void *userdata, const struct store_invitation *i)
{
        char *out = userdata;

        (void) sprintf(out + strlen(out), "%u:%d/%d ", i->id[0], (int) i->uses, i->good ? -1 : (int) i->refusal);
        return true;
}

static void how_an_invitation_ended_is_known_for_a_time(void **state)
{
        struct fixture *f = *state;
        struct store_view *v;
        char seen[200] = "";
        int64_t now = (int64_t) time(NULL) * 1000000;

        invite(f->store, 1, 1, INT64_MAX);
        invite(f->store, 2, 1, 1);
        invite(f->store, 3, 5, INT64_MAX);
        invite(f->store, 4, 2, INT64_MAX);
        assert_int_equal(register_with(f->store, "dave", 4, STORE_INVITED, 1), STORE_DONE);
        assert_int_equal(take_back(f->store, 3), STORE_DONE);
        assert_int_equal(take_back(f->store, 3), STORE_UNKNOWN); /* it is over already */
        assert_int_equal(take_back(f->store, 1), STORE_UNKNOWN);
        assert_int_equal(take_back(f->store, 9), STORE_UNKNOWN);
        assert_int_equal(refusal_of(f->store, 1), STORE_TOKEN_USED);
        assert_int_equal(refusal_of(f->store, 2), STORE_TOKEN_EXPIRED);
        assert_int_equal(refusal_of(f->store, 3), STORE_TOKEN_REVOKED);
        assert_int_equal(refusal_of(f->store, 9), STORE_TOKEN_UNKNOWN);

        assert_int_equal(store_view_open(f->store, &v), 0);
        assert_int_equal(store_view_invitations(v, note_invitation, seen), 0);
        store_view_close(v);
        assert_string_equal(seen, "1:0/1 2:1/2 3:5/3 4:2/-1 ");

        expire(f->store, now + 1000000);
        assert_int_equal(count(f, "invitations"), 3); /* the one of 1970 has been over for long enough */
        expire(f->store, now + (STORE_INVITATION_DAYS + 1) * 24 * 3600 * INT64_C(1000000));
        assert_int_equal(count(f, "invitations"), 1);
        assert_int_equal(refusal_of(f->store, 1), STORE_TOKEN_UNKNOWN);
}

static void what_is_deleted_is_gone_and_its_name_stays_taken_for_a_time(void **state)
{
        struct fixture *f = *state;
        struct store_request deletion = { .operation = STORE_DELETE, .name = BYTES_STRING("bob") };
        struct store_request ack = { .operation = STORE_ACK, .mailbox = f->bob, .sequence = 9 };
        struct timespec t;

        assert_int_equal(publish(f, false, "one"), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob carol", "x")), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->bob, 1, "carol", "y")), STORE_DONE);
        deletion = run(f->store, deletion);
        assert_int_equal(deletion.result, STORE_DONE);
        assert_int_equal(deletion.mailbox, f->bob);
        assert_int_equal(count(f, "key_packages"), 0);
        assert_int_equal(count(f, "mailboxes"), 2);
        assert_int_equal(count(f, "entries"), 2);
        assert_int_equal(run(f->store, deletion).result, STORE_UNKNOWN);
        assert_int_equal(send_it(f->store, sending(f->alice, 2, "bob", "x")), STORE_UNKNOWN);
        /* What its link had asked for before it was cut. */
        assert_int_equal(run(f->store, ack).result, STORE_UNKNOWN);
        assert_int_equal(publish(f, false, "two"), STORE_UNKNOWN);
        assert_string_equal(entries(f->store, f->carol, 0), "1=x 2=y ");
        open_again(f);
        assert_int_equal(register_with(f->store, "bob", 9, STORE_OPEN, 0), STORE_EXISTS);
        clock_gettime(CLOCK_REALTIME, &t);
        expire(f->store, (uint64_t) (t.tv_sec + 2000) * 1000000);
        assert_int_equal(register_with(f->store, "bob", 9, STORE_OPEN, 0), STORE_DONE);
}

static void inspection_shows_accounts_and_ciphertext_and_no_sender(void **state)
{
        struct fixture *f = *state;
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "\xde\xad\xbe\xef")), STORE_DONE);
        assert_int_equal(store_inspect(f->store, out), 0);
        fclose(out);
        assert_non_null(strstr(text, "bob: 1 messages so far, 1 waiting (4 bytes)"));
        assert_non_null(strstr(text, "for bob: number 1, 4 bytes, stored as 1: deadbeef"));
        assert_null(strstr(text, "from"));
}

/* What the hub has seen of bob: how far he has acknowledged, and his largest id, whose first byte is @sent. */
static void assert_marks(struct fixture *f, uint64_t gone, uint8_t sent)
{
        struct store_request r = { .operation = STORE_LOOK_UP, .name = BYTES_STRING("bob") };

        r = run(f->store, r);
        assert_int_equal(r.result, STORE_DONE);
        assert_int_equal(r.gone, gone);
        assert_int_equal(r.sent[0], sent);
        assert_int_equal(r.sent[15], 0);
}

static void it_is_remembered_how_far_somebody_was(void **state)
{
        struct fixture *f = *state;
        struct store_request ack = { .operation = STORE_ACK, .mailbox = f->bob, .sequence = 1 };
        struct store_request stale = sending(f->bob, 9, "nobody", "x");
        struct timespec t;

        assert_marks(f, 0, 0);
        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "one")), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 2, "bob", "two")), STORE_DONE);
        assert_marks(f, 0, 0);
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        assert_marks(f, 1, 0);
        ack.sequence = 2;
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        assert_marks(f, 2, 0);
        assert_int_equal(send_it(f->store, sending(f->bob, 2, "alice", "x")), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->bob, 1, "alice", "x")), STORE_DONE);
        assert_int_equal(send_it(f->store, stale), STORE_UNKNOWN);
        assert_marks(f, 2, 2);
        open_again(f);
        assert_marks(f, 2, 2);
        clock_gettime(CLOCK_REALTIME, &t);
        expire(f->store, (uint64_t) (t.tv_sec + 2000) * 1000000); /* the ids are forgotten */
        assert_int_equal(count(f, "sent"), 0);
        assert_marks(f, 2, 2);
        assert_int_equal(send_it(f->store, sending(f->bob, 3, "alice", "x")), STORE_DONE);
        assert_marks(f, 2, 3);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(a_name_belongs_to_the_first_key_that_asks),
                TEST(an_invitation_is_good_so_often_and_so_long),
                TEST(how_an_invitation_ended_is_known_for_a_time),
                TEST(what_is_deleted_is_gone_and_its_name_stays_taken_for_a_time),
                TEST(inspection_shows_accounts_and_ciphertext_and_no_sender),
                TEST(it_is_remembered_how_far_somebody_was),
        };

        return cmocka_run_group_tests_name("hub store accounts", tests, NULL, NULL);
}
