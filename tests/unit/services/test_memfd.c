/* Bulk is taken from a sealed memfd and from nothing else; whole files are read by another name. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "scratch.h"

#include "services/cleanup.h"
#include "services/file.h"
#include "services/memfd.h"

static int file_of(const char *content)
{
        scratch_write("file", content, strlen(content));
        _cleanup_free_ char *path = scratch_path("file");

        return open(path, O_RDONLY | O_CLOEXEC);
}

static void what_was_sealed_is_read(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        _cleanup_close_ int fd = -1;

        assert_int_equal(memfd_make(BYTES_STRING("envelope"), &fd), 0);
        assert_int_equal(memfd_read(fd, 8, &w), 0);
        assert_true(bytes_equal(writer_bytes(&w), BYTES_STRING("envelope")));
        assert_int_equal(memfd_read(fd, 7, &w), -EMSGSIZE);
        assert_int_equal(write(fd, "x", 1), -1);
}

static void what_could_still_change_is_refused(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        _cleanup_close_ int file = file_of("envelope"), fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        assert_int_equal(write(fd, "envelope", 8), 8);
        assert_int_equal(memfd_read(fd, 8, &w), -EINVAL);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
        assert_int_equal(memfd_read(fd, 8, &w), -EINVAL);
        assert_int_equal(memfd_read(file, 8, &w), -EINVAL);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
        assert_int_equal(memfd_read(fd, 8, &w), 0);
}

static void a_file_is_read_whole_or_not_at_all(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        _cleanup_close_ int fd = file_of("picture"), folder = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_int_equal(file_read(fd, 6, &w), -EMSGSIZE);
        assert_int_equal(file_read(folder, 7, &w), -EINVAL);
        assert_int_equal(writer_bytes(&w).size, 0);
        assert_int_equal(file_read(fd, 7, &w), 0);
        assert_true(bytes_equal(writer_bytes(&w), BYTES_STRING("picture")));
        _cleanup_close_ int empty = file_of("");

        assert_int_equal(file_read(empty, 7, &w), -ENODATA);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                scratch_test(what_was_sealed_is_read),
                scratch_test(what_could_still_change_is_refused),
                scratch_test(a_file_is_read_whole_or_not_at_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
