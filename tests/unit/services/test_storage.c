/* How a database is opened, brought up to date and refused, and what goes in and comes out. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "services/cleanup.h"
#include "services/statements.h"
#include "services/storage.h"
#include "stderr_capture.h"

static const char *const migrations[] = {
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, value BLOB NOT NULL);",
        "ALTER TABLE item ADD COLUMN size INTEGER NOT NULL DEFAULT 7;"
        "CREATE TABLE part (item INTEGER NOT NULL REFERENCES item (id), name TEXT UNIQUE);",
};

static int open_quietly(const char *const *list, unsigned count, sqlite3 **db)
{
        _cleanup_free_ char *path = scratch_path("test.db");
        struct capture c;

        capture_begin(&c);
        int r = storage_open(path, list, count, db);
        capture_end(&c);
        return r;
}

static sqlite3 *open_ok(unsigned count)
{
        sqlite3 *db = NULL;

        assert_int_equal(open_quietly(migrations, count, &db), 0);
        return db;
}

static int64_t ask(sqlite3 *db, const char *sql)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(db, &s, sql, ""), 0);
        assert_int_equal(storage_step(s), 1);
        return storage_column_integer(s, 0);
}

static void a_fresh_database_gets_every_migration_and_setting(void **state)
{
        _cleanup_free_ char *path = scratch_path("test.db"), *wal = scratch_path("test.db-wal");
        struct stat st;
        sqlite3 *db = open_ok(2);

        assert_int_equal(ask(db, "PRAGMA user_version"), 2);
        assert_int_equal(ask(db, "PRAGMA synchronous"), 2);
        assert_int_equal(ask(db, "PRAGMA secure_delete"), 1);
        assert_int_equal(ask(db, "PRAGMA foreign_keys"), 1);
        assert_int_equal(ask(db, "PRAGMA trusted_schema"), 0);
        assert_int_equal(ask(db, "PRAGMA busy_timeout"), 5000);
        assert_int_equal(ask(db, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(stat(wal, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_null(storage_close(db));
        assert_int_equal(stat(wal, &st), -1);
}

static void an_older_database_is_upgraded_with_its_rows(void **state)
{
        sqlite3 *db = open_ok(1);

        assert_int_equal(
                storage_run(db, "INSERT INTO item (name, value) VALUES (?, ?)", "sb", "old", BYTES_STRING("v")), 0);
        storage_close(db);
        db = open_ok(2);
        assert_int_equal(ask(db, "SELECT size FROM item WHERE name = 'old'"), 7);
        storage_close(db);
        db = open_ok(2);
        assert_int_equal(ask(db, "PRAGMA user_version"), 2);
        storage_close(db);
}

static void a_newer_database_is_refused(void **state)
{
        sqlite3 *db = open_ok(2);

        storage_close(db);
        db = NULL;
        assert_int_equal(open_quietly(migrations, 1, &db), -EPROTONOSUPPORT);
        assert_null(db);
        db = open_ok(2);
        assert_int_equal(ask(db, "PRAGMA user_version"), 2);
        storage_close(db);
}

static void a_migration_that_fails_leaves_nothing_behind(void **state)
{
        static const char *const broken[] = { "CREATE TABLE item (id INTEGER);",
                                              "CREATE TABLE other (id INTEGER); CREATE TABLE item (id INTEGER);" };
        sqlite3 *db = NULL;

        assert_true(open_quietly(broken, 2, &db) < 0);
        assert_null(db);
        assert_int_equal(open_quietly(broken, 1, &db), 0);
        assert_int_equal(ask(db, "PRAGMA user_version"), 1);
        assert_int_equal(ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'other'"), 0);
        storage_close(db);
}

static void a_symbolic_link_is_not_followed(void **state)
{
        _cleanup_free_ char *path = scratch_path("test.db"), *target = scratch_path("target");
        sqlite3 *db = NULL;

        assert_int_equal(symlink(target, path), 0);
        assert_int_equal(open_quietly(migrations, 2, &db), -ELOOP);
        assert_int_equal(access(target, F_OK), -1);
        scratch_write("target", "", 0);
        assert_int_equal(open_quietly(migrations, 2, &db), -ELOOP);
        assert_null(db);
}

static void what_is_no_database_is_called_damaged(void **state)
{
        char garbage[8192];
        sqlite3 *db = NULL;

        memset(garbage, 'x', sizeof(garbage));
        scratch_write("test.db", garbage, sizeof(garbage));
        assert_int_equal(open_quietly(migrations, 2, &db), -EBADMSG);
        assert_null(db);
}

static void a_directory_that_is_missing_is_an_error(void **state)
{
        _cleanup_free_ char *path = scratch_path("missing/test.db");
        struct capture c;
        sqlite3 *db = NULL;

        capture_begin(&c);
        int r = storage_open(path, migrations, 2, &db);
        capture_end(&c);
        assert_int_equal(r, -ENOENT);
        assert_null(db);
}

static void values_come_back_as_they_went_in(void **state)
{
        static const uint8_t blob[] = { 0, 1, 0xff, 0 };
        sqlite3 *db = open_ok(2);

        assert_int_equal(storage_run(db, "INSERT INTO item (id, name, value) VALUES (?, ?, ?)", "isb", INT64_MIN, "é",
                                     BYTES_OF(blob)),
                         0);
        assert_int_equal(storage_run(db, "INSERT INTO item (id, name, value) VALUES (?, ?, ?)", "isb", INT64_MAX,
                                     (const char *) NULL, (struct bytes){ NULL, 0 }),
                         0);
        {
                _cleanup_statement_ sqlite3_stmt *s = NULL;

                assert_int_equal(
                        storage_prepare(db, &s, "SELECT id, name, value, name IS NULL FROM item ORDER BY id", ""), 0);
                assert_int_equal(storage_step(s), 1);
                assert_true(storage_column_integer(s, 0) == INT64_MIN);
                assert_string_equal(storage_column_string(s, 1), "é");
                assert_true(bytes_equal(storage_column_bytes(s, 2), BYTES_OF(blob)));
                assert_int_equal(storage_step(s), 1);
                assert_true(storage_column_integer(s, 0) == INT64_MAX);
                assert_string_equal(storage_column_string(s, 1), "");
                assert_int_equal(storage_column_integer(s, 3), 1);
                assert_int_equal(storage_column_bytes(s, 2).size, 0);
                assert_int_equal(storage_step(s), 0);
        }
        storage_close(db);
}

static void constraints_are_kept(void **state)
{
        sqlite3 *db = open_ok(2);

        assert_int_equal(storage_run(db, "INSERT INTO part (item, name) VALUES (4711, 'x')", ""), -EEXIST);
        assert_int_equal(storage_run(db, "INSERT INTO item (id, value) VALUES (1, x'00')", ""), 0);
        assert_int_equal(storage_run(db, "INSERT INTO item (id, value) VALUES (1, x'00')", ""), -EEXIST);
        assert_int_equal(storage_run(db, "INSERT INTO part (item, name) VALUES (1, 'x')", ""), 0);
        assert_int_equal(storage_run(db, "INSERT INTO part (item, name) VALUES (1, 'x')", ""), -EEXIST);
        storage_close(db);
}

static void transactions_commit_or_roll_back(void **state)
{
        sqlite3 *db = open_ok(2);

        storage_rollback(db); /* outside a transaction: nothing */
        assert_int_equal(storage_begin(db), 0);
        assert_int_equal(storage_run(db, "INSERT INTO item (value) VALUES (x'01')", ""), 0);
        storage_rollback(db);
        assert_int_equal(ask(db, "SELECT count(*) FROM item"), 0);
        assert_int_equal(storage_begin(db), 0);
        assert_int_equal(storage_run(db, "INSERT INTO item (value) VALUES (x'01')", ""), 0);
        assert_int_equal(storage_commit(db), 0);
        assert_int_equal(ask(db, "SELECT count(*) FROM item"), 1);
        storage_close(db);
}

/* The main file and the log are searched for the bytes after the row is gone and the database closed. */
static void deleted_bytes_are_overwritten(void **state)
{
        static const char needle[] = "a needle that must not be found";
        _cleanup_free_ char *path = scratch_path("test.db");
        sqlite3 *db = open_ok(2);

        assert_int_equal(storage_run(db, "INSERT INTO item (id, value) VALUES (1, ?)", "b", BYTES_OF(needle)), 0);
        storage_close(db);
        for (int deleted = 0; deleted < 2; deleted++) {
                char content[65536];
                FILE *f = fopen(path, "re");

                assert_non_null(f);
                size_t size = fread(content, 1, sizeof(content), f);
                fclose(f);
                assert_int_equal(memmem(content, size, needle, sizeof(needle)) == NULL, deleted);
                if (deleted)
                        break;
                db = open_ok(2);
                assert_int_equal(storage_run(db, "DELETE FROM item", ""), 0);
                storage_close(db);
        }
}

static void a_full_disk_is_told_apart_and_explained(void **state)
{
        sqlite3 *db = open_ok(2);
        struct capture c;
        uint8_t blob[4096] = { 0 };
        int r = 0;

        ask(db, "PRAGMA max_page_count = 8"); /* SQLite then answers as it does on a full disk */
        capture_begin(&c);
        for (int i = 0; i < 20 && r == 0; i++)
                r = storage_run(db, "INSERT INTO item (value) VALUES (?)", "b", BYTES_OF(blob));
        capture_end(&c);
        assert_int_equal(r, -ENOSPC);
        _cleanup_free_ char *sentence = storage_describe(db, SQLITE_FULL);
        assert_non_null(strstr(sentence, "test.db is full"));
        storage_close(db);
}

static sqlite3_stmt *prepared(sqlite3 *db, const char *sql, const char *types, const char *argument)
{
        sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(db, &s, sql, types, argument), 0);
        return s;
}

static void a_statement_that_is_given_back_is_used_again_and_knows_nothing(void **state)
{
        static const char sql[] = "SELECT ?1 IS NULL";
        _cleanup_free_ char *same = strdup(sql);
        sqlite3 *db = open_ok(2), *other = NULL;
        sqlite3_stmt *first = prepared(db, sql, "s", "x"), *second = prepared(db, sql, "s", "y");

        assert_ptr_not_equal(first, second); /* it is in use */
        assert_int_equal(storage_step(first), 1);
        statements_give(first); /* in the middle */
        first = statements_take(db, same);
        assert_non_null(first);
        assert_int_equal(storage_step(first), 1);
        assert_int_equal(storage_column_integer(first, 0), 1);
        statements_give(first);
        statements_give(second);
        assert_null(statements_take(db, "SELECT ?1 IS NULL "));
        assert_int_equal(sqlite3_open(":memory:", &other), SQLITE_OK);
        assert_null(statements_take(other, sql));
        storage_close(other);
        storage_close(db); /* which would fail if one of them were still there */
}

static void a_statement_follows_a_table_that_has_changed(void **state)
{
        static const char sql[] = "SELECT * FROM item";
        sqlite3 *db = open_ok(1);

        assert_int_equal(storage_run(db, "INSERT INTO item (name, value) VALUES ('n', 'v')", ""), 0);
        for (int columns = 3; columns <= 4; columns++) {
                _cleanup_statement_ sqlite3_stmt *s = prepared(db, sql, "", NULL);

                assert_int_equal(storage_step(s), 1);
                assert_int_equal(sqlite3_column_count(s), columns);
                statements_give(s);
                s = NULL;
                if (columns == 3)
                        assert_int_equal(sqlite3_exec(db, migrations[1], NULL, NULL, NULL), SQLITE_OK);
        }
        storage_close(db);
}

static void no_more_statements_are_kept_than_there_is_room_for(void **state)
{
        sqlite3 *db = open_ok(2);
        unsigned count = 0;

        for (int i = 0; i < STATEMENTS_MAX + 9; i++) {
                char sql[32];

                (void) snprintf(sql, sizeof(sql), "SELECT %d", i);
                assert_int_equal(ask(db, sql), i);
        }
        for (sqlite3_stmt *s = NULL; (s = sqlite3_next_stmt(db, s));)
                count++;
        assert_int_equal(count, STATEMENTS_MAX);
        assert_null(statements_take(db, "SELECT 8")); /* the oldest have gone */
        assert_int_equal(ask(db, "SELECT 9"), 9);
        storage_close(db);
}

static void results_map_to_errno(void **state)
{
        assert_int_equal(storage_errno(SQLITE_OK), 0);
        assert_int_equal(storage_errno(SQLITE_ROW), 0);
        assert_int_equal(storage_errno(SQLITE_DONE), 0);
        assert_int_equal(storage_errno(SQLITE_FULL), -ENOSPC);
        assert_int_equal(storage_errno(SQLITE_READONLY_DIRECTORY), -EROFS);
        assert_int_equal(storage_errno(SQLITE_IOERR_FSYNC), -EIO);
        assert_int_equal(storage_errno(SQLITE_CORRUPT_INDEX), -EBADMSG);
        assert_int_equal(storage_errno(SQLITE_NOTADB), -EBADMSG);
        assert_int_equal(storage_errno(SQLITE_CONSTRAINT_UNIQUE), -EEXIST);
        assert_int_equal(storage_errno(SQLITE_NOMEM), -ENOMEM);
        assert_int_equal(storage_errno(SQLITE_BUSY), -EBUSY);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                scratch_test(a_fresh_database_gets_every_migration_and_setting),
                scratch_test(an_older_database_is_upgraded_with_its_rows),
                scratch_test(a_newer_database_is_refused),
                scratch_test(a_migration_that_fails_leaves_nothing_behind),
                scratch_test(a_symbolic_link_is_not_followed),
                scratch_test(what_is_no_database_is_called_damaged),
                scratch_test(a_directory_that_is_missing_is_an_error),
                scratch_test(values_come_back_as_they_went_in),
                scratch_test(constraints_are_kept),
                scratch_test(transactions_commit_or_roll_back),
                scratch_test(deleted_bytes_are_overwritten),
                scratch_test(a_full_disk_is_told_apart_and_explained),
                scratch_test(a_statement_that_is_given_back_is_used_again_and_knows_nothing),
                scratch_test(a_statement_follows_a_table_that_has_changed),
                scratch_test(no_more_statements_are_kept_than_there_is_room_for),
                cmocka_unit_test(results_map_to_errno),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
