/* The hub's store: what it promises to all who ask in one batch, and after it was closed and opened again. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../earlier_database.h"

#include "relayd/hub/store/sqlite.h"
#include "relayd/hub/store/store.h"
#include "services/cleanup.h"
#include "temporary.h"

static const struct store_limits limits = {
        .mailbox_entries = 5,
        .mailbox_bytes = 4096,
        .key_packages = 4,
        .retention_usec = 1000 * 1000000ULL,
        .idempotency_usec = 1000 * 1000000ULL,
        .group_usec = 1000 * 1000000ULL,
        .chunk_bytes = 10,
        .chunk_usec = 1000 * 1000000ULL,
        .name_usec = 1000 * 1000000ULL,
};

/* What each earlier version kept is in stores/ (tests/unit/keep_version): a new migration needs one more. */
enum { STORES = 9 };
static_assert(STORES >= STORE_MIGRATIONS - 1, "each earlier version is kept");
#define KEPT UNIT_TESTS "/relayd/stores"

struct fixture {
        char *directory;
        struct store *store;
        int64_t alice, bob, carol;
};

static struct store_request run(struct store *s, struct store_request r)
{
        struct store_request *one = &r;

        (void) store_run(s, &one, 1);
        return r;
}

static int64_t add_account(struct store *s, const char *name, uint8_t key)
{
        struct store_request r = { .operation = STORE_REGISTER, .name = BYTES_STRING(name), .transport_key = { key } };

        assert_int_equal(run(s, r).result, STORE_DONE);
        return run(s, (struct store_request){ .operation = STORE_LOOK_UP, .name = BYTES_STRING(name) }).mailbox;
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        f->directory = temporary_directory();
        assert_int_equal(store_open(f->directory, &limits, &f->store), 0);
        f->alice = add_account(f->store, "alice", 1);
        f->bob = add_account(f->store, "bob", 2);
        f->carol = add_account(f->store, "carol", 3);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        store_close(f->store);
        temporary_remove(f->directory);
        free(f);
        return 0;
}

static void open_again(struct fixture *f)
{
        f->store = store_close(f->store);
        assert_int_equal(store_open(f->directory, &limits, &f->store), 0);
}

/* A SEND of @text to the names (each ended by a space) with the id @id. The list's bytes live as long as the test. */
static struct store_request sending(int64_t from, uint8_t id, const char *to, const char *text)
{
        static uint8_t lists[64][1200];
        static unsigned next;
        uint8_t *list = lists[next++ % 64];
        struct store_request r = { .operation = STORE_SEND,
                                   .mailbox = from,
                                   .send = { .id = { id }, .payload = BYTES_STRING(text) } };
        _cleanup_writer_ struct writer w = WRITER_INIT;

        while (*to) {
                size_t n = strcspn(to, " ");

                write_recipient(&w, BYTES(to, n));
                r.send.recipient_count++;
                to += n + (to[n] == ' ');
        }
        assert_true(w.size <= sizeof(lists[0]));
        if (w.size > 0)
                memcpy(list, w.data, w.size);
        r.send.recipients = BYTES(list, w.size);
        return r;
}

static enum store_result send_it(struct store *s, struct store_request r)
{
        r = run(s, r);
        store_request_release(&r);
        return r.result;
}

static bool append_entry(void *userdata, uint64_t sequence, struct bytes payload)
{
        char *out = userdata;

        (void) sprintf(out + strlen(out), "%llu=%.*s ", (unsigned long long) sequence, (int) payload.size,
                       (const char *) payload.data);
        return true;
}

static const char *entries(struct store *s, int64_t mailbox, uint64_t after)
{
        static char out[4096];

        out[0] = '\0';
        assert_int_equal(store_fetch(s, mailbox, after, 100, append_entry, out), 0);
        return out;
}

static int64_t count(struct fixture *f, const char *table)
{
        _cleanup_free_ char *command = NULL;
        int64_t n = -1;

        /* Looks at the file as somebody else would. */
        assert_true(asprintf(&command, "%s/hub.db", f->directory) > 0);
        n = temporary_count(command, table);
        return n;
}

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

static void sequences_increase_and_survive_acknowledgement_and_restart(void **state)
{
        struct fixture *f = *state;
        struct store_request ack = { .operation = STORE_ACK, .mailbox = f->bob, .sequence = 1 };

        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "one")), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 2, "bob", "two")), STORE_DONE);
        assert_string_equal(entries(f->store, f->bob, 0), "1=one 2=two ");
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        assert_string_equal(entries(f->store, f->bob, 0), "2=two ");
        ack.sequence = 2;
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        open_again(f);
        assert_int_equal(send_it(f->store, sending(f->alice, 3, "bob", "three")), STORE_DONE);
        assert_string_equal(entries(f->store, f->bob, 0), "3=three ");
        assert_int_equal(
                run(f->store, (struct store_request){ .operation = STORE_LOOK_UP, .name = BYTES_STRING("bob") })
                        .sequence,
                3);
}

static void the_same_id_again_stores_nothing_even_after_restart(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "one")), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "one")), STORE_REPEATED);
        assert_int_equal(send_it(f->store, sending(f->carol, 1, "bob", "carol's")), STORE_DONE);
        open_again(f);
        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "one")), STORE_REPEATED);
        assert_string_equal(entries(f->store, f->bob, 0), "1=one 2=carol's ");
}

static void a_payload_for_many_is_stored_once_until_the_last_has_it(void **state)
{
        struct fixture *f = *state;
        struct store_request ack = { .operation = STORE_ACK, .mailbox = f->alice, .sequence = 1 };

        assert_int_equal(send_it(f->store, sending(f->alice, 1, "alice bob carol bob", "all")), STORE_DONE);
        assert_int_equal(count(f, "bodies"), 1);
        assert_int_equal(count(f, "entries"), 3);
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        ack.mailbox = f->bob;
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        assert_int_equal(count(f, "bodies"), 1);
        assert_string_equal(entries(f->store, f->carol, 0), "1=all ");
        ack.mailbox = f->carol;
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        assert_int_equal(count(f, "bodies"), 0);
        assert_int_equal(count(f, "readers"), 0);
}

static void an_unknown_recipient_is_named_and_nobody_gets_anything(void **state)
{
        struct fixture *f = *state;
        struct store_request r = run(f->store, sending(f->alice, 1, "bob nobody", "x"));

        store_request_release(&r);
        assert_int_equal(r.result, STORE_UNKNOWN);
        assert_string_equal(r.subject, "nobody");
        assert_string_equal(entries(f->store, f->bob, 0), "");
        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob", "x")), STORE_DONE);
}

static void of_two_commits_for_an_epoch_in_one_batch_one_wins(void **state)
{
        struct fixture *f = *state;
        struct store_request first = sending(f->alice, 1, "carol", "a"), second = sending(f->bob, 1, "carol", "b");
        struct store_request *batch[] = { &first, &second };

        first.send.has_group = second.send.has_group = true;
        first.send.group = second.send.group = BYTES_STRING("group");
        first.send.epoch = second.send.epoch = 4;
        assert_int_equal(store_run(f->store, batch, 2), 0);
        store_request_release(&first);
        store_request_release(&second);
        assert_int_equal(first.result, STORE_DONE);
        assert_int_equal(second.result, STORE_STALE);
        assert_int_equal(second.value, 5);
        assert_string_equal(entries(f->store, f->carol, 0), "1=a ");

        open_again(f);
        second.send.epoch = 5;
        assert_int_equal(send_it(f->store, second), STORE_DONE);
        assert_int_equal(send_it(f->store, first), STORE_REPEATED);
}

static enum store_result publish(struct fixture *f, bool last_resort, const char *text)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_key_package(&w, last_resort, BYTES_STRING(text));
        return run(f->store, (struct store_request){ .operation = STORE_PUBLISH,
                                                     .mailbox = f->bob,
                                                     .packages = writer_bytes(&w) })
                .result;
}

static void assert_claimed(struct store_request *r, const char *text, bool last_resort)
{
        assert_int_equal(r->result, STORE_DONE);
        assert_true(bytes_equal(BYTES(r->package, r->package_size), BYTES_STRING(text)));
        assert_int_equal(r->last_resort, last_resort);
        store_request_release(r);
}

static void a_key_package_is_handed_out_once_and_the_last_resort_stays(void **state)
{
        struct fixture *f = *state;
        struct store_request claims[3], *batch[] = { &claims[0], &claims[1], &claims[2] };

        for (unsigned i = 0; i < 3; i++)
                claims[i] = (struct store_request){ .operation = STORE_CLAIM, .name = BYTES_STRING("bob") };
        struct store_request early = run(f->store, claims[0]);

        assert_int_equal(early.result, STORE_EMPTY);
        assert_int_equal(publish(f, true, "old last"), STORE_DONE);
        assert_int_equal(publish(f, false, "one of before"), STORE_DONE);
        assert_int_equal(publish(f, true, "last"), STORE_DONE);
        assert_int_equal(publish(f, false, "one"), STORE_DONE);
        assert_int_equal(publish(f, false, "two"), STORE_DONE);
        assert_int_equal(store_run(f->store, batch, 3), 0);
        assert_int_equal(claims[0].key_packages, 1);
        assert_int_equal(claims[0].mailbox, f->bob);
        assert_claimed(&claims[0], "one", false);
        assert_claimed(&claims[1], "two", false);
        assert_claimed(&claims[2], "last", true);
        open_again(f);
        claims[0] = run(f->store, (struct store_request){ .operation = STORE_CLAIM, .name = BYTES_STRING("bob") });
        assert_claimed(&claims[0], "last", true);
}

static void a_full_stock_and_a_full_mailbox_are_refused(void **state)
{
        struct fixture *f = *state;
        char large[4000];

        for (unsigned i = 0; i < 4; i++)
                assert_int_equal(publish(f, false, "p"), STORE_DONE);
        assert_int_equal(publish(f, false, "p"), STORE_QUOTA);
        for (uint8_t i = 0; i < 5; i++)
                assert_int_equal(send_it(f->store, sending(f->alice, i, "bob", "x")), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 9, "bob", "x")), STORE_QUOTA);
        memset(large, 'l', sizeof(large) - 1);
        large[sizeof(large) - 1] = '\0';
        assert_int_equal(send_it(f->store, sending(f->alice, 10, "carol", large)), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 11, "carol", large)), STORE_QUOTA);
        run(f->store, (struct store_request){ .operation = STORE_ACK, .mailbox = f->carol, .sequence = 1 });
        assert_int_equal(send_it(f->store, sending(f->alice, 11, "carol", large)), STORE_DONE);
}

static void expire(struct store *s, uint64_t now_usec)
{
        struct store_request r;

        do {
                r = run(s, (struct store_request){ .operation = STORE_EXPIRE, .now_usec = now_usec });
                assert_int_equal(r.result, STORE_DONE);
        } while (r.more);
}

static void what_is_past_its_time_is_dropped(void **state)
{
        struct fixture *f = *state;
        struct timespec t;

        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob carol", "x")), STORE_DONE);
        clock_gettime(CLOCK_REALTIME, &t);
        uint64_t now = (uint64_t) t.tv_sec * 1000000;

        expire(f->store, now + 500 * 1000000ULL);
        assert_int_equal(count(f, "entries"), 2);
        expire(f->store, now + 2000 * 1000000ULL);
        assert_int_equal(count(f, "entries"), 0);
        assert_int_equal(count(f, "bodies"), 0);
        assert_int_equal(count(f, "sent"), 0);
        assert_int_equal(send_it(f->store, sending(f->alice, 2, "bob", "y")), STORE_DONE);
        assert_string_equal(entries(f->store, f->bob, 0), "2=y ");
}

static enum store_result register_with(struct store *s, const char *name, uint8_t key, enum store_policy policy,
                                       uint8_t token)
{
        return run(s, (struct store_request){ .operation = STORE_REGISTER,
                                              .name = BYTES_STRING(name),
                                              .transport_key = { key },
                                              .policy = policy,
                                              .token = { token } })
                .result;
}

static void invite(struct store *s, uint8_t token, int64_t uses, uint64_t until_usec)
{
        assert_int_equal(run(s, (struct store_request){ .operation = STORE_INVITE,
                                                        .token = { token },
                                                        .uses = uses,
                                                        .until_usec = until_usec })
                                 .result,
                         STORE_DONE);
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

static enum store_result put_chunk(struct store *s, int64_t mailbox, const char *text, bool honest)
{
        struct store_request r = { .operation = STORE_PUT_CHUNK,
                                   .mailbox = mailbox,
                                   .chunk = { .content = BYTES_STRING(text) } };

        assert_int_equal(chunk_name_of(r.chunk.content, r.chunk.name), 0);
        r.chunk.name[0] ^= !honest;
        return run(s, r).result;
}

static void expect_content(void *userdata, struct bytes content)
{
        assert_true(bytes_equal(content, BYTES_STRING((const char *) userdata)));
}

static bool has_chunk(struct store *s, const char *text)
{
        uint8_t name[CHUNK_NAME_SIZE];

        assert_int_equal(chunk_name_of(BYTES_STRING(text), name), 0);
        int r = store_read_chunk(s, name, expect_content, (void *) (uintptr_t) text);

        if (r < 0)
                assert_int_equal(r, -ENOENT);
        return r >= 0;
}

struct backup_watch {
        struct store *store;
        int64_t from;
        unsigned calls, stop_at;
};

/* Somebody goes on to write while the backup is made. */
static bool write_meanwhile(void *userdata, unsigned percent)
{
        struct backup_watch *w = userdata;

        assert_int_equal(send_it(w->store, sending(w->from, (uint8_t) (100 + w->calls % 100), "carol", "later")),
                         STORE_DONE);
        return ++w->calls != w->stop_at;
}

static int64_t size_of(const struct fixture *f, const char *name)
{
        _cleanup_free_ char *path = NULL;
        struct stat st;

        assert_true(asprintf(&path, "%s/%s", f->directory, name) > 0);
        assert_int_equal(stat(path, &st), 0);
        return st.st_size;
}

static bool note_account(void *userdata, const struct store_account *a)
{
        char *out = userdata;

        (void) sprintf(out + strlen(out), "%s:%d/%d ", a->name, (int) a->entries, (int) a->bytes);
        return true;
}

static void a_backup_is_of_one_moment_whole_and_of_a_new_generation(void **state)
{
        struct fixture *f = *state;
        struct backup_watch w = { f->store, f->alice, 0, 0 };
        struct store *restored;
        struct store_view *v;
        struct store_census census;
        char *directory = temporary_directory(), path[200], seen[200] = "";
        struct store_request look = { .operation = STORE_LOOK_UP, .name = BYTES_STRING("bob") };
        uint8_t generation[WIRE_GENERATION_SIZE];
        int64_t bytes;

        assert_int_equal(send_it(f->store, sending(f->alice, 1, "bob carol", "before")), STORE_DONE);
        assert_int_equal(put_chunk(f->store, f->alice, "chunk", true), STORE_DONE);
        look = run(f->store, look);
        memcpy(generation, look.generation, sizeof(generation));
        (void) snprintf(path, sizeof(path), "%s/hub.db", directory);
        int fd = open(path, O_RDWR | O_CREAT, 0600);

        assert_int_equal(store_view_open(f->store, &v), 0);
        assert_int_equal(store_view_backup(v, fd, write_meanwhile, &w, &bytes), 0);
        assert_true(w.calls >= 1 && bytes > 4096);
        assert_int_equal(store_view_census(v, &census), 0); /* the view itself is of the moment before, too */
        assert_int_equal(census.accounts, 3);
        assert_int_equal(census.entries, 2);
        assert_true(census.disk_bytes > size_of(f, "hub.db") + size_of(f, "hub.db-wal") + size_of(f, "hub.db-shm"));
        store_view_close(v);
        close(fd);

        assert_int_equal(store_open(directory, &limits, &restored), 0);
        assert_int_equal(store_view_open(restored, &v), 0);
        assert_int_equal(store_view_accounts(v, note_account, seen), 0);
        store_view_close(v);
        assert_string_equal(seen, "alice:0/0 bob:1/6 carol:1/6 ");
        assert_string_equal(entries(restored, f->bob, 0), "1=before ");
        assert_true(has_chunk(restored, "chunk")); /* though it is one file alone */
        assert_int_equal(put_chunk(restored, f->bob, "after", true), STORE_DONE);
        assert_true(has_chunk(restored, "chunk") && has_chunk(restored, "after"));
        look = run(restored, look);
        assert_int_equal(look.result, STORE_DONE);
        assert_memory_not_equal(generation, look.generation, sizeof(generation));
        store_close(restored);
        temporary_remove(directory);
}

static void a_backup_that_is_not_wanted_any_more_leaves_nothing(void **state)
{
        struct fixture *f = *state;
        struct backup_watch w = { f->store, f->alice, 0, 1 };
        struct store_view *v;
        _cleanup_free_ char *copy = NULL;
        int64_t bytes;
        FILE *out = tmpfile();

        assert_true(asprintf(&copy, "%s/hub.db.backup", f->directory) > 0);
        assert_int_equal(store_view_open(f->store, &v), 0);
        assert_int_equal(store_view_backup(v, fileno(out), write_meanwhile, &w, &bytes), -ECANCELED);
        assert_int_equal(access(copy, F_OK), -1);

        close(creat(copy, 0600)); /* one that is being made, or that a crash has left */
        assert_int_equal(store_view_backup(v, fileno(out), write_meanwhile, &w, &bytes), -EBUSY);
        store_view_close(v);
        open_again(f);
        assert_int_equal(access(copy, F_OK), -1);
        fclose(out);
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

static void a_claim_may_leave_the_stock_alone(void **state)
{
        struct fixture *f = *state;
        struct store_request claim = { .operation = STORE_CLAIM,
                                       .name = BYTES_STRING("bob"),
                                       .last_resort_only = true };

        assert_int_equal(publish(f, false, "one"), STORE_DONE);
        assert_int_equal(run(f->store, claim).result, STORE_EMPTY);
        assert_int_equal(publish(f, true, "last"), STORE_DONE);
        assert_int_equal(publish(f, false, "one"), STORE_DONE);
        claim = run(f->store, claim);
        assert_int_equal(claim.key_packages, 1);
        assert_claimed(&claim, "last", true);
}

/* About two chunks, by their content. */
static struct store_request ask_about(struct store *s, enum store_operation operation, int64_t mailbox, const char *one,
                                      const char *two)
{
        static uint8_t names[2 * CHUNK_NAME_SIZE];

        assert_int_equal(chunk_name_of(BYTES_STRING(one), names), 0);
        assert_int_equal(chunk_name_of(BYTES_STRING(two), names + CHUNK_NAME_SIZE), 0);
        return run(s, (struct store_request){
                              .operation = operation, .mailbox = mailbox, .chunk_names = BYTES_OF(names) });
}

static void chunks_are_named_by_their_content_count_once_and_expire(void **state)
{
        struct fixture *f = *state;
        struct timespec t;

        assert_int_equal(put_chunk(f->store, f->alice, "one", false), STORE_MISMATCH);
        assert_false(has_chunk(f->store, "one"));
        assert_int_equal(put_chunk(f->store, f->alice, "one", true), STORE_DONE);
        assert_int_equal(put_chunk(f->store, f->bob, "one", true), STORE_REPEATED);
        assert_int_equal(put_chunk(f->store, f->alice, "sevenof", true), STORE_DONE);
        assert_int_equal(put_chunk(f->store, f->alice, "2", true), STORE_QUOTA);
        assert_int_equal(put_chunk(f->store, f->bob, "ten of bob", true), STORE_DONE);
        open_again(f);
        assert_true(has_chunk(f->store, "one") && has_chunk(f->store, "sevenof") && has_chunk(f->store, "ten of bob"));
        clock_gettime(CLOCK_REALTIME, &t);
        expire(f->store, (uint64_t) (t.tv_sec + 500) * 1000000);
        assert_true(has_chunk(f->store, "one"));
        expire(f->store, (uint64_t) (t.tv_sec + 2000) * 1000000);
        assert_false(has_chunk(f->store, "one") || has_chunk(f->store, "ten of bob"));
        assert_int_equal(put_chunk(f->store, f->alice, "ten again.", true), STORE_DONE);
}

static void it_is_told_which_chunks_are_there(void **state)
{
        struct fixture *f = *state;
        struct store_request r;

        assert_int_equal(put_chunk(f->store, f->alice, "one", true), STORE_DONE);
        r = ask_about(f->store, STORE_HAVE_CHUNKS, f->alice, "two", "one");
        assert_int_equal(r.result, STORE_DONE);
        assert_int_equal(r.there[0], 0);
        assert_int_equal(r.there[1], 1);
        store_request_release(&r);
}

static void a_chunk_is_dropped_by_its_owner_unless_somebody_else_counts_on_it(void **state)
{
        struct fixture *f = *state;
        struct store_request r;

        assert_int_equal(put_chunk(f->store, f->alice, "one", true), STORE_DONE);
        assert_int_equal(put_chunk(f->store, f->alice, "sevenof", true), STORE_DONE);
        assert_int_equal(ask_about(f->store, STORE_DROP_CHUNKS, f->bob, "one", "sevenof").result, STORE_DONE);
        assert_true(has_chunk(f->store, "one") && has_chunk(f->store, "sevenof"));
        assert_int_equal(put_chunk(f->store, f->alice, "2", true), STORE_QUOTA);
        assert_int_equal(ask_about(f->store, STORE_DROP_CHUNKS, f->alice, "one", "never there").result, STORE_DONE);
        assert_false(has_chunk(f->store, "one"));
        assert_int_equal(put_chunk(f->store, f->alice, "2", true), STORE_DONE); /* there is room again */

        r = ask_about(f->store, STORE_HAVE_CHUNKS, f->bob, "sevenof", "2");
        store_request_release(&r);
        assert_int_equal(ask_about(f->store, STORE_DROP_CHUNKS, f->alice, "sevenof", "2").result, STORE_DONE);
        assert_true(has_chunk(f->store, "sevenof") && has_chunk(f->store, "2"));
}

/* What the segments take of the disk. */
static int64_t segment_blocks(struct fixture *f)
{
        _cleanup_free_ char *path = NULL;
        struct stat st;

        assert_true(asprintf(&path, "%s/chunks/%016x", f->directory, 0) > 0);
        return stat(path, &st) < 0 ? 0 : st.st_blocks;
}

static void a_dropped_chunk_gives_its_room_on_the_disk_back(void **state)
{
        struct fixture *f = *state;
        static char content[CHUNK_SIZE_MAX];
        struct store_limits wide = limits;

        wide.chunk_bytes = 4 * CHUNK_SIZE_MAX;
        store_set_limits(f->store, &wide);
        memset(content, 'x', sizeof(content) - 1);
        assert_int_equal(put_chunk(f->store, f->alice, content, true), STORE_DONE);
        assert_int_equal(put_chunk(f->store, f->alice, "small", true), STORE_DONE);
        int64_t full = segment_blocks(f);

        assert_true(full * 512 >= CHUNK_SIZE_MAX);
        assert_int_equal(ask_about(f->store, STORE_DROP_CHUNKS, f->alice, content, "never there").result, STORE_DONE);
        assert_true((full - segment_blocks(f)) * 512 > CHUNK_SIZE_MAX / 2);
        assert_true(has_chunk(f->store, "small"));
        open_again(f);
        assert_true(has_chunk(f->store, "small") && !has_chunk(f->store, content));
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

static struct store_request committing(int64_t from, uint8_t id, uint64_t epoch)
{
        struct store_request r = sending(from, id, "bob carol", "commit");

        r.send.has_group = true;
        r.send.group = BYTES_STRING("g");
        r.send.epoch = epoch;
        return r;
}

/* What each version kept, made by what this was then. The first had no invitations and deleted nobody; the second no
 * chunks; of the sixth they are in segments, which are not kept here. */
static void make_kept(const char *directory)
{
        struct store_request deletion = { .operation = STORE_DELETE, .name = BYTES_STRING("dave") };
        struct fixture *f;
        char command[256];

        assert_int_equal(setup((void **) &f), 0);
        struct store_request ack = { .operation = STORE_ACK, .mailbox = f->bob, .sequence = 1 };
        assert_int_equal(publish(f, true, "last"), STORE_DONE);
        assert_int_equal(publish(f, false, "package"), STORE_DONE);
        assert_int_equal(send_it(f->store, committing(f->alice, 1, 0)), STORE_DONE);
        assert_int_equal(send_it(f->store, sending(f->alice, 2, "bob", "hello")), STORE_DONE);
        assert_int_equal(run(f->store, ack).result, STORE_DONE);
        invite(f->store, 7, 2, (uint64_t) 1 << 62);
        add_account(f->store, "dave", 4);
        assert_int_equal(run(f->store, deletion).result, STORE_DONE);
        assert_int_equal(put_chunk(f->store, f->alice, "chunk", true), STORE_DONE);
        f->store = store_close(f->store);
        (void) snprintf(command, sizeof(command), "cp %s/hub.db %s", f->directory, directory);
        assert_int_equal(system(command), 0);
        assert_int_equal(teardown((void **) &f), 0);
}

static void assert_kept(struct fixture *f, unsigned version)
{
        struct store_request claim = { .operation = STORE_CLAIM, .name = BYTES_STRING("bob") };

        assert_string_equal(entries(f->store, f->bob, 0), "2=hello ");
        assert_string_equal(entries(f->store, f->carol, 0), "1=commit ");
        assert_int_equal(register_with(f->store, "alice", 1, STORE_CLOSED, 0), STORE_DONE); /* the same key again */
        assert_int_equal(register_with(f->store, "alice", 9, STORE_OPEN, 0), STORE_EXISTS);
        assert_int_equal(send_it(f->store, committing(f->alice, 1, 0)), STORE_REPEATED);
        assert_int_equal(send_it(f->store, committing(f->alice, 3, 0)), STORE_STALE);
        assert_int_equal(send_it(f->store, committing(f->alice, 4, 1)), STORE_DONE);
        assert_string_equal(entries(f->store, f->bob, 2), "3=commit ");
        claim = run(f->store, claim);
        assert_claimed(&claim, "package", false);
        claim = run(f->store, claim);
        assert_claimed(&claim, "last", true);
        if (version < 2)
                return;
        assert_int_equal(register_with(f->store, "dave", 5, STORE_OPEN, 0), STORE_EXISTS);
        assert_int_equal(register_with(f->store, "erin", 5, STORE_INVITED, 7), STORE_DONE);
        if (version >= 3 && version < 6)
                assert_true(has_chunk(f->store, "chunk"));
}

static void what_earlier_versions_kept_is_there(void **state)
{
        struct fixture *f = *state;
        char path[256];

        (void) snprintf(path, sizeof(path), "%s/hub.db", f->directory);
        for (unsigned version = 1; version <= STORES; version++) {
                f->store = store_close(f->store);
                assert_int_equal(unlink(path), 0);
                earlier_database(KEPT, version, path);
                assert_int_equal(store_open(f->directory, &limits, &f->store), 0);
                assert_kept(f, version);
        }
}

static struct store_request room_post(int64_t from, uint8_t id, enum room_step step, uint64_t epoch)
{
        return (struct store_request){ .operation = STORE_SEND_TO_ROOM,
                                       .mailbox = from,
                                       .room = { .room = BYTES_STRING("general"),
                                                 .group = BYTES_STRING("group"),
                                                 .step = step,
                                                 .epoch = epoch,
                                                 .group_info = BYTES_STRING("info"),
                                                 .payload = BYTES_STRING("said") },
                                       .send = { .id = { id }, .payload = BYTES_STRING("entry") } };
}

/* A full mailbox costs its owner the room, and nobody else anything. */
static void who_has_no_room_for_more_is_off_the_roster(void **state)
{
        struct fixture *f = *state;
        struct store_request r;
        struct bytes departed;

        assert_int_equal(send_it(f->store, room_post(f->alice, 1, ROOM_JOIN, 0)), STORE_DONE);
        assert_int_equal(send_it(f->store, room_post(f->bob, 2, ROOM_JOIN, 1)), STORE_DONE);
        assert_int_equal(send_it(f->store, room_post(f->carol, 3, ROOM_JOIN, 2)), STORE_DONE);
        for (uint8_t i = 0; i < limits.mailbox_entries - 1; i++)
                assert_int_equal(send_it(f->store, sending(f->alice, 10 + i, "bob", "x")), STORE_DONE);
        r = run(f->store, room_post(f->alice, 4, ROOM_SAY, 0));
        assert_int_equal(r.result, STORE_DONE);
        assert_int_equal(r.receipt_count, 1);
        assert_int_equal(r.receipts[0].mailbox, f->carol);
        assert_int_equal(read_room_departed(BYTES(r.package, r.package_size), &departed), 0);
        assert_true(bytes_equal(departed, BYTES("\x03"
                                                "bob",
                                                4)));
        store_request_release(&r);
        assert_int_equal(send_it(f->store, room_post(f->bob, 5, ROOM_SAY, 0)), STORE_OUTSIDE);
        open_again(f);
        assert_int_equal(send_it(f->store, room_post(f->carol, 6, ROOM_SAY, 0)), STORE_DONE);
        assert_int_equal(send_it(f->store, room_post(f->carol, 6, ROOM_SAY, 0)), STORE_REPEATED);
}

/* Whose account is gone when their turn comes fails alone, not with all who were in the same batch. */
static void who_joins_while_they_are_deleted_holds_up_nobody(void **state)
{
        struct fixture *f = *state;
        struct store_request deletion = { .operation = STORE_DELETE, .name = BYTES_STRING("carol") },
                             join = room_post(f->carol, 1, ROOM_JOIN, 0),
                             message = sending(f->alice, 2, "bob", "hello");
        struct store_request *const batch[] = { &deletion, &join, &message };

        assert_int_equal(store_run(f->store, batch, COUNT_OF(batch)), 0);
        assert_int_equal(deletion.result, STORE_DONE);
        assert_int_equal(join.result, STORE_UNKNOWN);
        assert_int_equal(message.result, STORE_DONE);
        for (unsigned i = 0; i < COUNT_OF(batch); i++)
                store_request_release(batch[i]);
        assert_string_equal(entries(f->store, f->bob, 0), "1=hello ");
        assert_int_equal(send_it(f->store, room_post(f->alice, 3, ROOM_JOIN, 0)), STORE_DONE); /* nobody was there */
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(a_name_belongs_to_the_first_key_that_asks),
                TEST(sequences_increase_and_survive_acknowledgement_and_restart),
                TEST(the_same_id_again_stores_nothing_even_after_restart),
                TEST(a_payload_for_many_is_stored_once_until_the_last_has_it),
                TEST(an_unknown_recipient_is_named_and_nobody_gets_anything),
                TEST(of_two_commits_for_an_epoch_in_one_batch_one_wins),
                TEST(a_key_package_is_handed_out_once_and_the_last_resort_stays),
                TEST(a_full_stock_and_a_full_mailbox_are_refused),
                TEST(what_is_past_its_time_is_dropped),
                TEST(an_invitation_is_good_so_often_and_so_long),
                TEST(how_an_invitation_ended_is_known_for_a_time),
                TEST(a_backup_is_of_one_moment_whole_and_of_a_new_generation),
                TEST(a_backup_that_is_not_wanted_any_more_leaves_nothing),
                TEST(what_is_deleted_is_gone_and_its_name_stays_taken_for_a_time),
                TEST(a_claim_may_leave_the_stock_alone),
                TEST(chunks_are_named_by_their_content_count_once_and_expire),
                TEST(it_is_told_which_chunks_are_there),
                TEST(a_chunk_is_dropped_by_its_owner_unless_somebody_else_counts_on_it),
                TEST(a_dropped_chunk_gives_its_room_on_the_disk_back),
                TEST(inspection_shows_accounts_and_ciphertext_and_no_sender),
                TEST(it_is_remembered_how_far_somebody_was),
                TEST(who_has_no_room_for_more_is_off_the_roster),
                TEST(who_joins_while_they_are_deleted_holds_up_nobody),
                TEST(what_earlier_versions_kept_is_there),
        };

        if (argc == 3 && strcmp(argv[1], "make") == 0) {
                make_kept(argv[2]);
                return 0;
        }
        return cmocka_run_group_tests_name("hub store", tests, NULL, NULL);
}
