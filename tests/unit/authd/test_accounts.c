/* What is enrolled stays, sealed and bound to its user; what failures cost stays, too. */
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <time.h>

#include "../services/scratch.h"

#include "../earlier_database.h"

#include "authd/identification.h"
#include "services/cleanup.h"
#include "services/throttle.h"

#define ACCOUNT "0123456789abcdef0123456789abcdef"
#define THIRD "a123456789abcdef0123456789abcdef"
#define FOURTH "b123456789abcdef0123456789abcdef"
#define OTHER "f123456789abcdef0123456789abcdef"

/* What each earlier version kept is in versions/ (tests/unit/keep_version): a new migration needs one more. */
enum { VERSIONS = 6 };
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

static void rotate(struct enrolment *e)
{
        _cleanup_rotation_ struct rotation *r = rotation_new(e->rotation);

        rotation_apply_template(r, &e->template);
}

static void enrol(const char *account, uid_t uid, uint8_t fill)
{
        struct enrolment *e = calloc(1, sizeof(*e));
        float embedding[EMBEDDING_SIZE] = { 0 };

        assert_non_null(e);
        embedding[fill] = 1;
        strcpy(e->account, account);
        e->uid = uid;
        template_add(&e->template, ORIGIN_ENROLMENT, embedding);
        e->rotation = secret_new(ROTATION_SEED_SIZE);
        memset(e->rotation->data, fill, ROTATION_SEED_SIZE);
        rotate(e);
        e->face_secret = secret_new(FACE_SECRET_SIZE);
        memset(e->face_secret->data, fill, FACE_SECRET_SIZE);
        assert_int_equal(accounts_add(accounts, e, 0), 0);
        enrolment_free(e);
}

static void run(const char *statement)
{
        _cleanup_free_ char *path = scratch_path("accounts.db");
        sqlite3 *db;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

static void sql(const char *statement)
{
        accounts = accounts_close(accounts);
        run(statement);
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

/* How much the face that enrol() shows matches an account's template; or the error. */
static int percent(const char *account, uid_t uid, uint8_t fill)
{
        _cleanup_rotation_ struct rotation *r = NULL;
        struct template t = { 0 };
        float embedding[EMBEDDING_SIZE] = { 0 };
        int result = accounts_template(accounts, account, uid, &t, &r);

        if (result < 0)
                return result;
        assert_int_equal(t.count, 1);
        embedding[fill] = 1;
        rotation_apply(r, embedding);
        return (int) lround(100 * template_score(&t, embedding));
}

static void an_account_stays_and_is_its_users(void **state)
{
        unsigned count = 0;

        enrol(ACCOUNT, 1000, 7);
        reopen();
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), 0);
        assert_int_equal(percent(ACCOUNT, 1000, 7), 100);
        assert_int_equal(accounts_count(accounts, 1000, &count), 0);
        assert_int_equal(count, 1);
        assert_int_equal(face_secret(ACCOUNT, 1001, 7), -ENOENT);
        assert_int_equal(percent(ACCOUNT, 1001, 7), -ENOENT);
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
        struct stat st;

        enrol(ACCOUNT, 1000, 7);
        assert_int_equal(stat(key, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(st.st_size, 32);
        assert_int_equal(unlink(key), 0);
        reopen();
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), -EBADMSG);
        assert_int_equal(percent(ACCOUNT, 1000, 7), -EBADMSG);
}

static bool on_disk(struct bytes wanted)
{
        const char *const files[] = { "accounts.db", "accounts.db-wal" };
        size_t seen = 0;
        bool found = false;

        for (unsigned i = 0; i < COUNT_OF(files); i++) {
                _cleanup_free_ char *path = scratch_path(files[i]);
                _cleanup_fclose_ FILE *f = fopen(path, "re");
                static char content[1 << 20];
                size_t size = f ? fread(content, 1, sizeof(content), f) : 0;

                found = found || memmem(content, size, wanted.data, wanted.size);
                seen += size;
        }
        assert_true(seen > 0);
        return found;
}

/* Seed, secret, and most of an unrotated embedding have these bytes. */
static void neither_secret_nor_template_is_on_the_disk_in_clear(void **state)
{
        uint8_t secret[FACE_SECRET_SIZE], zero[64] = { 0x3f, 0x80 };

        memset(secret, 7, sizeof(secret));
        enrol(ACCOUNT, 1000, 7);
        assert_false(on_disk(BYTES_OF(secret)));
        assert_false(on_disk(BYTES_OF(zero)));
}

static void an_account_is_added_once_and_forgotten(void **state)
{
        struct enrolment e = { .account = ACCOUNT,
                               .uid = 1000,
                               .rotation = secret_new(ROTATION_SEED_SIZE),
                               .face_secret = secret_new(FACE_SECRET_SIZE) };
        float embedding[EMBEDDING_SIZE] = { 1 };

        template_add(&e.template, ORIGIN_ENROLMENT, embedding);
        enrol(ACCOUNT, 1000, 7);
        assert_int_equal(accounts_add(accounts, &e, 0), -EEXIST);
        secret_free(e.rotation);
        secret_free(e.face_secret);
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), 0);
        assert_int_equal(accounts_remove(accounts, ACCOUNT), 0);
        assert_int_equal(accounts_remove(accounts, ACCOUNT), 0);
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), -ENOENT);
        reopen();
        assert_int_equal(face_secret(ACCOUNT, 1000, 7), -ENOENT);
}

static void what_is_rotated_is_not_taken_for_what_is_not(void **state)
{
        enrol(ACCOUNT, 1000, 7);
        sql("UPDATE account SET rotation = NULL");
        assert_int_equal(percent(ACCOUNT, 1000, 7), -EBADMSG);
}

/* A stolen template beside the rotation of another enrolment, of the same face or not. */
static void a_template_is_of_no_use_with_another_rotation(void **state)
{
        struct template stolen = { 0 };
        _cleanup_rotation_ struct rotation *first = NULL, *second = NULL;
        float embedding[EMBEDDING_SIZE] = { [7] = 1 };

        enrol(ACCOUNT, 1000, 7);
        assert_int_equal(accounts_template(accounts, ACCOUNT, 1000, &stolen, &first), 0);
        assert_true(fabs(template_score(&stolen, embedding)) < 0.25);
        assert_int_equal(accounts_remove(accounts, ACCOUNT), 0);
        enrol(ACCOUNT, 1000, 9); /* enrolled anew: another seed */
        assert_int_equal(accounts_template(accounts, ACCOUNT, 1000, &(struct template){ 0 }, &second), 0);
        rotation_apply(second, embedding);
        assert_true(fabs(template_score(&stolen, embedding)) < 0.25);
}

/* Nothing is left of a deleted account, not even sealed: no file holds any part of what was in its columns. */
static void what_is_forgotten_is_gone_from_the_disk(void **state)
{
        static const char *const columns[] = { "template", "rotation", "face_secret" };
        uint8_t part[COUNT_OF(columns)][32];
        _cleanup_free_ char *path = scratch_path("accounts.db");

        enrol(ACCOUNT, 1000, 7);
        for (unsigned i = 0; i < COUNT_OF(columns); i++) {
                _cleanup_free_ char *select = NULL;
                sqlite3_stmt *s;
                sqlite3 *db;

                assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
                assert_true(asprintf(&select, "SELECT %s FROM account", columns[i]) > 0);
                assert_int_equal(sqlite3_prepare_v2(db, select, -1, &s, NULL), SQLITE_OK);
                assert_int_equal(sqlite3_step(s), SQLITE_ROW);
                memcpy(part[i], sqlite3_column_blob(s, 0), sizeof(part[i]));
                sqlite3_finalize(s);
                sqlite3_close(db);
                assert_true(on_disk(BYTES_OF(part[i])));
        }
        assert_int_equal(accounts_remove(accounts, ACCOUNT), 0);
        for (unsigned i = 0; i < COUNT_OF(columns); i++)
                assert_false(on_disk(BYTES_OF(part[i])));
}

/* What an identification has of the face that enrol() shows, and whom it finds for user 1000. */
static int identify(uint8_t fill, struct identification *out)
{
        struct template seen = { .count = 3 };

        for (unsigned i = 0; i < seen.count; i++)
                seen.embedding[i][fill] = 1;
        return identification_make(accounts, 1000, &seen, 0.45, out);
}

static void a_face_is_found_among_the_accounts_of_its_user_alone(void **state)
{
        struct identification found;

        enrol(ACCOUNT, 1000, 7);
        enrol(OTHER, 1000, 8);
        enrol(THIRD, 1001, 9);
        assert_int_equal(identify(8, &found), 0);
        assert_int_equal(found.count, 1);
        assert_string_equal(found.account[0], OTHER);
        assert_int_equal(identify(9, &found), 0);
        assert_int_equal(found.count, 0);
        enrol(FOURTH, 1000, 8);
        assert_int_equal(identify(8, &found), 0);
        assert_int_equal(found.count, 2);
        assert_string_not_equal(found.account[0], found.account[1]);
}

static void whom_nobody_is_like_counts_as_a_failure_of_each(void **state)
{
        struct identification found;
        uint64_t wait;

        enrol(ACCOUNT, 1000, 7);
        enrol(OTHER, 1000, 8);
        enrol(THIRD, 1001, 9);
        for (unsigned i = 0; i < THROTTLE_FREE; i++) {
                assert_int_equal(identify(7, &found), 0); /* costs nothing */
                assert_int_equal(identify(9, &found), 0);
        }
        assert_int_equal(accounts_wait(accounts, ACCOUNT, &wait), 0);
        assert_true(wait > 0);
        assert_int_equal(accounts_wait(accounts, THIRD, &wait), 0);
        assert_int_equal(wait, 0);
        assert_int_equal(identify(7, &found), -EAGAIN);
        assert_int_equal(accounts_clear_failures(accounts, OTHER), 0);
        assert_int_equal(identify(7, &found), 0); /* who has to wait is not looked for */
        assert_int_equal(found.count, 0);
        assert_int_equal(identify(8, &found), 0);
        assert_int_equal(found.count, 1);
}

static void a_gallery_is_kept_sealed_and_tells_the_engine(void **state)
{
        struct enrolment *e = calloc(1, sizeof(*e));
        struct gallery *again = NULL;
        enum engine engine = ENGINE_DEEP;

        assert_non_null(e);
        strcpy(e->account, OTHER);
        e->uid = 1001;
        e->rotation = secret_new(ROTATION_SEED_SIZE);
        e->face_secret = secret_new(FACE_SECRET_SIZE);
        e->gallery = gallery_new();
        for (unsigned i = 0; i < GALLERY_MAX; i++) {
                uint8_t histogram[HISTOGRAM_SIZE] = { [3] = (uint8_t) i };

                gallery_add(e->gallery, histogram);
        }
        assert_int_equal(accounts_add(accounts, e, 0), 0);
        enrol(ACCOUNT, 1000, 7);
        reopen();
        assert_int_equal(accounts_engine(accounts, ACCOUNT, 1000, &engine), 0);
        assert_int_equal(engine, ENGINE_DEEP);
        assert_int_equal(accounts_engine(accounts, OTHER, 1000, &engine), -ENOENT);
        assert_int_equal(accounts_engine(accounts, OTHER, 1001, &engine), 0);
        assert_int_equal(engine, ENGINE_LBPH);
        assert_int_equal(accounts_gallery(accounts, OTHER, 1001, &again), 0);
        assert_memory_equal(again, e->gallery, sizeof(*again));
        gallery_free(again);
        sql("UPDATE gallery SET uid = 1000");
        assert_int_equal(accounts_gallery(accounts, OTHER, 1000, &again), -EBADMSG);
        assert_int_equal(accounts_remove(accounts, OTHER), 0);
        assert_int_equal(accounts_gallery(accounts, OTHER, 1000, &again), -ENOENT);
        enrolment_free(e);
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

static struct throttle_word word(void)
{
        struct throttle_word w;

        assert_int_equal(accounts_failures(accounts, ACCOUNT, 1000, &w), 0);
        return w;
}

static bool waits(void)
{
        uint64_t wait;

        assert_int_equal(accounts_wait(accounts, ACCOUNT, &wait), 0);
        return wait > 0;
}

/* What cryptod was told is the newest that there is; then the disk is put back. */
static void an_older_copy_counts_on_from_what_cryptod_was_told(void **state)
{
        struct throttle_word told;

        enrol(ACCOUNT, 1000, 7);
        assert_int_equal(accounts_failures(accounts, ACCOUNT, 1001, &told), -ENOENT);
        assert_int_equal(word().turn, 0);
        assert_int_equal(accounts_count_failure(accounts, ACCOUNT), 0);
        told = (struct throttle_word){ .turn = word().turn, .failures = 17 };
        assert_int_equal(accounts_adopt_failures(accounts, ACCOUNT, &told), 0); /* not newer */
        assert_int_equal(word().failures, 1);
        told = (struct throttle_word){ .turn = 9, .failures = THROTTLE_FREE };
        assert_int_equal(accounts_adopt_failures(accounts, ACCOUNT, &told), 0);
        reopen();
        assert_true(waits());
        assert_int_equal(word().failures, THROTTLE_FREE);
        assert_int_equal(accounts_count_failure(accounts, ACCOUNT), 0);
        assert_int_equal(word().turn, 10);
        told = (struct throttle_word){ .turn = 12, .failures = 0 }; /* it has passed since the copy was made */
        assert_int_equal(accounts_adopt_failures(accounts, ACCOUNT, &told), 0);
        assert_false(waits());
        told = (struct throttle_word){ .turn = 13, .failures = UINT32_MAX };
        assert_int_equal(accounts_adopt_failures(accounts, ACCOUNT, &told), 0);
        assert_int_equal(word().failures, THROTTLE_LOCK_OUT);
        assert_int_equal(accounts_adopt_failures(accounts, OTHER, &told), 0); /* nobody's */
}

/* -Wl,--wrap: the wall clock as whoever has the machine sets it. */
static time_t set_forward;
int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
        int r = __real_clock_gettime(clock, out);

        if (clock == CLOCK_REALTIME)
                out->tv_sec += set_forward;
        return r;
}

static void no_delay_passes_by_setting_the_clock(void **state)
{
        static const time_t years = 10 * 365 * 24 * 3600;

        enrol(ACCOUNT, 1000, 7);
        for (unsigned i = 0; i <= THROTTLE_FREE; i++)
                assert_int_equal(accounts_count_failure(accounts, ACCOUNT), 0);
        for (int i = -1; i <= 1; i++) {
                set_forward = i * years;
                reopen();
                assert_true(waits());
        }
        set_forward = 0;
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
static void make_kept(const char *directory, uid_t uid)
{
        _cleanup_free_ char *command = NULL;

        assert_int_equal(setup(NULL), 0);
        enrol(ACCOUNT, uid, 7);
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
                uint64_t count, unopened, wait;

                accounts = accounts_close(accounts);
                assert_int_equal(unlink(path), 0);
                earlier_database(KEPT, version, path);
                scratch_write("host.key", key, size);
                assert_int_equal(accounts_open(scratch, &accounts), 0);
                assert_int_equal(face_secret(ACCOUNT, 1000, 7), 0);
                assert_int_equal(face_secret(ACCOUNT, 1001, 7), -ENOENT);
                assert_int_equal(percent(ACCOUNT, 1000, 7), 100);
                reopen(); /* a template of before is rotated, once */
                assert_int_equal(percent(ACCOUNT, 1000, 7), 100);
                assert_true(abs(percent(ACCOUNT, 1000, 8)) < 25);
                assert_int_equal(accounts_wait(accounts, ACCOUNT, &wait), 0);
                assert_int_equal(wait, 0);
                assert_int_equal(accounts_count_failure(accounts, ACCOUNT), 0); /* the third */
                assert_int_equal(accounts_wait(accounts, ACCOUNT, &wait), 0);
                assert_true(wait > 0);
                assert_int_equal(accounts_count_redemption(accounts, ACCOUNT, 4, &count, &unopened), 0);
                assert_int_equal(count, 5);
        }
}

static void redemptions_are_counted_since_one_opened(void **state)
{
        uint64_t count, unopened;

        enrol(ACCOUNT, 1000, 7);
        for (uint64_t i = 1; i <= 3; i++) {
                assert_int_equal(accounts_count_redemption(accounts, ACCOUNT, 0, &count, &unopened), 0);
                assert_int_equal(count, i);
                assert_int_equal(unopened, i);
        }
        assert_int_equal(accounts_opened(accounts, ACCOUNT), 0);
        assert_int_equal(accounts_opened(accounts, OTHER), 0);
        reopen();
        assert_int_equal(accounts_count_redemption(accounts, ACCOUNT, 0, &count, &unopened), 0);
        assert_int_equal(count, 4);
        assert_int_equal(unopened, 1);
        assert_int_equal(accounts_count_redemption(accounts, ACCOUNT, 9, &count, &unopened), 0); /* put back */
        assert_int_equal(count, 10);
        assert_int_equal(unopened, 7);
        assert_int_equal(accounts_count_redemption(accounts, OTHER, 0, &count, &unopened), -ENOENT);
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
                accounts_test(what_is_rotated_is_not_taken_for_what_is_not),
                accounts_test(a_template_is_of_no_use_with_another_rotation),
                accounts_test(what_is_forgotten_is_gone_from_the_disk),
                accounts_test(a_face_is_found_among_the_accounts_of_its_user_alone),
                accounts_test(whom_nobody_is_like_counts_as_a_failure_of_each),
                accounts_test(a_gallery_is_kept_sealed_and_tells_the_engine),
                accounts_test(failures_cost_time_across_restarts_until_one_passes),
                accounts_test(an_older_copy_counts_on_from_what_cryptod_was_told),
                accounts_test(no_delay_passes_by_setting_the_clock),
                accounts_test(the_longest_wait_is_a_day),
                accounts_test(what_earlier_versions_kept_is_there),
                accounts_test(redemptions_are_counted_since_one_opened),
        };

        if (argc >= 3 && strcmp(argv[1], "make") == 0) {
                make_kept(argv[2], argc > 3 ? (uid_t) atoi(argv[3]) : 1000);
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
