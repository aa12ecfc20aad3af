/* Files are replaced whole, and read only if they are what they should be. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "services/cleanup.h"
#include "services/file.h"

static void a_file_is_written_replaced_and_kept_from_others(void **state)
{
        _cleanup_free_ char *path = scratch_path("key");
        struct stat st;

        for (int i = 0; i < 2; i++) {
                const char *content = i == 0 ? "first, which is longer" : "second";
                _cleanup_secret_ struct secret *s = NULL;

                assert_int_equal(file_write(path, BYTES_STRING(content), false), 0);
                assert_int_equal(file_read_secret(path, 100, &s), 0);
                assert_true(bytes_equal(secret_bytes(s), BYTES_STRING(content)));
        }
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_nlink, 1);
}

static void an_existing_file_is_not_replaced_exclusively(void **state)
{
        _cleanup_free_ char *path = scratch_path("key");
        _cleanup_secret_ struct secret *s = NULL;
        struct stat st;

        assert_int_equal(file_write(path, BYTES_STRING("first"), true), 0);
        assert_int_equal(file_write(path, BYTES_STRING("second"), true), -EEXIST);
        assert_int_equal(file_read_secret(path, 100, &s), 0);
        assert_true(bytes_equal(secret_bytes(s), BYTES_STRING("first")));
        assert_int_equal(stat(scratch, &st), 0);
        assert_int_equal(rmdir(scratch), -1);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(scratch), 0); /* no temporary file was left */
        assert_int_equal(mkdir(scratch, 0700), 0);
}

static void what_is_no_proper_file_is_not_read(void **state)
{
        _cleanup_free_ char *path = scratch_path("key"), *link = scratch_path("link"), *fifo = scratch_path("fifo");
        struct secret *s = NULL;

        assert_int_equal(file_read_secret(path, 10, &s), -ENOENT);
        scratch_write("key", "0123456789", 10);
        assert_int_equal(file_read_secret(path, 9, &s), -EMSGSIZE);
        assert_int_equal(symlink(path, link), 0);
        assert_int_equal(file_read_secret(link, 10, &s), -ELOOP);
        assert_int_equal(mkfifo(fifo, 0600), 0);
        assert_int_equal(file_read_secret(fifo, 10, &s), -EINVAL);
        assert_null(s);
        assert_int_equal(file_read_secret(path, 10, &s), 0);
        secret_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                scratch_test(a_file_is_written_replaced_and_kept_from_others),
                scratch_test(an_existing_file_is_not_replaced_exclusively),
                scratch_test(what_is_no_proper_file_is_not_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
