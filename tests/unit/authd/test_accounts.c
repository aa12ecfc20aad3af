/* What is enrolled stays, sealed and bound to its user; what failures cost stays, too. */
#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "../services/scratch.h"

#include "../earlier_database.h"

#include "authd/accounts.h"
#include "services/cleanup.h"
#include "services/throttle.h"

#define ACCOUNT "0123456789abcdef0123456789abcdef"
#define OTHER "f123456789abcdef0123456789abcdef"

/* What each earlier version kept is in versions/ (tests/unit/keep_version): a new migration needs one more. */
enum { VERSIONS = 2 };
#define KEPT UNIT_TESTS "/authd/versions"

static struct accounts *accounts;

static void reopen(void)
{
        accounts = accounts_close(accounts);
        assert_int_equal(accounts_open(scratch, &accounts), 0);
}

static int setup(void **state)
{
        if (scratch_setup(state) < 0)
                return -1;
        return accounts_open(scratch, &accounts);
}

static int teardown(void **state)
{
        accounts = accounts_close(accounts);
        return scratch_teardown(state);
}

static void enrol(const char *account, uid_t uid, uint8_t fill)
{
        struct enrolment *e = calloc(1, sizeof(*e));
        float embedding[EMBEDDING_SIZE] = { 0 };

        assert_non_null(e);
        embedding[fill] = 1;
        strcpy(e->account, account);
        e->uid = uid;
        template_add(&e->template, embedding);
        e->face_secret = secret_new(FACE_SECRET_SIZE);
        memset(e->face_secret->data, fill, FACE_SECRET_SIZE);
        assert_int_equal(accounts_add(accounts, e), 0);
        enrolment_free(e);
}

static void sql(const char *statement)
{
        _cleanup_free_ char *path = scratch_path("accounts.db");
        sqlite3 *db;

        accounts = accounts_close(accounts);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        reopen();
}

static int face_secret(const char *account, uid_t uid, uint8_t fill)
{
        _cleanup_secret_ struct secret *s = NULL;
        int r = accounts_face_secret(accounts, account, uid, &s);

        if (r < 0)
                return r;
        assert_int_equal(s->size, FACE_SECRET_SIZE);
        assert_int_equal(s->data[31], fill);
        return 0;
}

static void an_account_stays_and_is_its_users(void **state)
{
        struct template t = { 0 };
        unsigned count = 0;

        enrol(ACCOUNT, 1000, 7);
        reopen();
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), 0);
        assert_int_equal(accounts_template(accounts, ACCOUNT, 1000, &t), 0);
        assert_int_equal(t.count, 1);
        assert_true(t.embedding[0][7] > 0.99F);
        assert_int_equal(accounts_count(accounts, 1000, &count), 0);
        assert_int_equal(count, 1);
        assert_int_equal(face_secret(ACCOUNT, 1001, 7), -ENOENT);
        assert_int_equal(accounts_template(accounts, ACCOUNT, 1001, &t), -ENOENT);
        assert_int_equal(face_secret(OTHER, 1000, 7), -ENOENT);
}

static void a_row_cannot_be_moved(void **state)
{
        enrol(ACCOUNT, 1000, 7);
        enrol(OTHER, 1001, 8);
        sql("UPDATE account SET uid = 1000");
        assert_int_equal(face_secret(OTHER, 1000, 8), -EBADMSG);
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), 0);
        sql("UPDATE account SET face_secret = template");
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), -EBADMSG);
}

static void without_the_hosts_key_nothing_opens(void **state)
{
        _cleanup_free_ char *key = scratch_path("host.key");
        struct template t;
        struct stat st;

        enrol(ACCOUNT, 1000, 7);
        assert_int_equal(stat(key, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(st.st_size, 32);
        assert_int_equal(unlink(key), 0);
        reopen();
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), -EBADMSG);
        assert_int_equal(accounts_template(accounts, ACCOUNT, 1000, &t), -EBADMSG);
}

static void neither_secret_nor_template_is_on_the_disk_in_clear(void **state)
{
        const char *const files[] = { "accounts.db", "accounts.db-wal" };
        uint8_t secret[FACE_SECRET_SIZE];
        size_t seen = 0;

        memset(secret, 7, sizeof(secret));
        enrol(ACCOUNT, 1000, 7);
        for (unsigned i = 0; i < COUNT_OF(files); i++) {
                _cleanup_free_ char *path = scratch_path(files[i]);
                _cleanup_fclose_ FILE *f = fopen(path, "re");
                static char content[1 << 20];
                size_t size = f ? fread(content, 1, sizeof(content), f) : 0;

                assert_null(memmem(content, size, secret, sizeof(secret)));
                seen += size;
        }
        assert_true(seen > 0);
}

static void an_account_is_added_once_and_forgotten(void **state)
{
        struct enrolment e = { .account = ACCOUNT, .uid = 1000, .face_secret = secret_new(FACE_SECRET_SIZE) };
        float embedding[EMBEDDING_SIZE] = { 1 };

        template_add(&e.template, embedding);
        enrol(ACCOUNT, 1000, 7);
        assert_int_equal(accounts_add(accounts, &e), -EEXIST);
        secret_free(e.face_secret);
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), 0);
        assert_int_equal(accounts_remove(accounts, ACCOUNT), 0);
        assert_int_equal(accounts_remove(accounts, ACCOUNT), 0);
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), -ENOENT);
        reopen();
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), -ENOENT);
}

static void failures_cost_time_across_restarts_until_one_passes(void **state)
{
        uint64_t wait;

        enrol(ACCOUNT, 1000, 7);
        for (unsigned i = 0; i < THROTTLE_FREE; i++) {
                assert_int_equal(accounts_wait(accounts, ACCOUNT, &wait), 0);
                assert_int_equal(wait, 0);
                assert_int_equal(accounts_count_failure(accounts, ACCOUNT), 0);
        }
        reopen();
        assert_int_equal(accounts_wait(accounts, ACCOUNT, &wait), 0);
        assert_true(wait > 0);
        assert_int_equal(accounts_clear_failures(accounts, ACCOUNT), 0);
        assert_int_equal(accounts_wait(accounts, ACCOUNT, &wait), 0);
        assert_int_equal(wait, 0);
}

static void the_longest_wait_is_a_day(void **state)
{
        const uint64_t day = 24ULL * 3600 * 1000000;
        uint64_t wait;

        enrol(ACCOUNT, 1000, 7);
        for (unsigned i = 0; i < 2 * THROTTLE_LOCK_OUT; i++)
                assert_int_equal(accounts_count_failure(accounts, ACCOUNT), 0);
        assert_int_equal(accounts_wait(accounts, ACCOUNT, &wait), 0);
        assert_true(wait <= day && wait > day - 60 * 1000000ULL);
}

/* What each version kept, made by what this was then. */
static void make_kept(const char *directory)
{
        _cleanup_free_ char *command = NULL;

        assert_int_equal(setup(NULL), 0);
        enrol(ACCOUNT, 1000, 7);
        assert_int_equal(accounts_count_failure(accounts, ACCOUNT), 0);
        assert_int_equal(accounts_count_failure(accounts, ACCOUNT), 0);
        accounts = accounts_close(accounts);
        assert_true(asprintf(&command, "cp %s/accounts.db %s/host.key %s", scratch, scratch, directory) > 0);
        assert_int_equal(system(command), 0);
        assert_int_equal(teardown(NULL), 0);
}

static void what_earlier_versions_kept_is_there(void **state)
{
        _cleanup_free_ char *path = scratch_path("accounts.db");

        for (unsigned version = 1; version <= VERSIONS; version++) {
                size_t size;
                _cleanup_free_ char *key = earlier_file(KEPT, version, "host.key", &size);
                struct template t = { 0 };
                uint64_t count, wait;

                accounts = accounts_close(accounts);
                assert_int_equal(unlink(path), 0);
                earlier_database(KEPT, version, path);
                scratch_write("host.key", key, size);
                assert_int_equal(accounts_open(scratch, &accounts), 0);
                assert_int_equal(face_secret(ACCOUNT, 1000, 7), 0);
                assert_int_equal(face_secret(ACCOUNT, 1001, 7), -ENOENT);
                assert_int_equal(accounts_template(accounts, ACCOUNT, 1000, &t), 0);
                assert_true(t.embedding[0][7] == 1);
                assert_int_equal(accounts_wait(accounts, ACCOUNT, &wait), 0);
                assert_int_equal(wait, 0);
                assert_int_equal(accounts_count_failure(accounts, ACCOUNT), 0); /* the third */
                assert_int_equal(accounts_wait(accounts, ACCOUNT, &wait), 0);
                assert_true(wait > 0);
                assert_int_equal(accounts_count_redemption(accounts, ACCOUNT, 4, &count), 0);
                assert_int_equal(count, 5);
        }
}

#define accounts_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                accounts_test(an_account_stays_and_is_its_users),
                accounts_test(a_row_cannot_be_moved),
                accounts_test(without_the_hosts_key_nothing_opens),
                accounts_test(neither_secret_nor_template_is_on_the_disk_in_clear),
                accounts_test(an_account_is_added_once_and_forgotten),
                accounts_test(failures_cost_time_across_restarts_until_one_passes),
                accounts_test(the_longest_wait_is_a_day),
                accounts_test(what_earlier_versions_kept_is_there),
        };

        if (argc == 3 && strcmp(argv[1], "make") == 0) {
                make_kept(argv[2]);
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
