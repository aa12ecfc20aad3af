/* The hub's store: what backups hold, and what earlier versions have left on disk. */
#include "store_fixture.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../earlier_database.h"
#include "services/cleanup.h"

/* What each earlier version kept is in stores/ (tests/unit/keep_version): a new migration needs one more. */
enum { STORES = 9 };
static_assert(STORES >= STORE_MIGRATIONS - 1, "each earlier version is kept");
#define KEPT UNIT_TESTS "/relayd/stores"

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

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(a_backup_is_of_one_moment_whole_and_of_a_new_generation),
                TEST(a_backup_that_is_not_wanted_any_more_leaves_nothing),
                TEST(what_earlier_versions_kept_is_there),
        };

        if (argc == 3 && strcmp(argv[1], "make") == 0) {
                make_kept(argv[2]);
                return 0;
        }
        return cmocka_run_group_tests_name("hub store kept", tests, NULL, NULL);
}
