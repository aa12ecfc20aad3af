/* What struct secret promises: locked, out of dumps, gone in a child, zeroed when freed; and passed by descriptor
 * whole. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_headers.h"
#include "services/cleanup.h"
#include "services/secret.h"

static const size_t sizes[] = { 0, 1, 32, 40, 41, 64, 72, 100, 1000, 4096, 4104, 4105, 20000, SECRET_SIZE_MAX };

static bool all_zero(const uint8_t *p, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (p[i] != 0)
                        return false;
        return true;
}

static void a_new_secret_is_zero_even_where_another_was(void **state)
{
        for (size_t i = 0; i < COUNT_OF(sizes); i++)
                for (int round = 0; round < 3; round++) {
                        struct secret *s = secret_new(sizes[i]);

                        assert_int_equal(s->size, sizes[i]);
                        assert_true(all_zero(s->data, s->size));
                        memset(s->data, 0xa5, s->size);
                        assert_null(secret_free(s));
                }
}

/* The slab stays mapped as long as another secret of its class lives, so its memory may be looked at afterwards. */
static void a_freed_secret_is_zeroed(void **state)
{
        _cleanup_secret_ struct secret *neighbour = secret_new(32);
        struct secret *s = secret_new(32);
        const volatile uint8_t *block = (const volatile uint8_t *) s;

        memset(s->data, 0xa5, 32);
        memset(neighbour->data, 0x5a, 32);
        secret_free(s);
        for (size_t i = 0; i < sizeof(struct secret) + 32; i++)
                assert_int_equal(block[i], 0);
        assert_int_equal(neighbour->data[0], 0x5a);
}

static void a_secret_shortened_by_its_owner_is_zeroed_whole(void **state)
{
        _cleanup_secret_ struct secret *neighbour = secret_new(32);
        struct secret *s = secret_new(32);
        const volatile uint8_t *last = &s->data[31];

        memset(s->data, 0xa5, 32);
        s->size = 1;
        secret_free(s);
        assert_int_equal(*last, 0);
}

static void secrets_do_not_overlap(void **state)
{
        enum { N = 3000 };
        static struct secret *s[N];

        for (size_t i = 0; i < N; i++) {
                s[i] = secret_new(sizes[i % 10]);
                memset(s[i]->data, (int) i, s[i]->size);
        }
        for (size_t i = 0; i < N; i += 2)
                s[i] = secret_free(s[i]);
        for (size_t i = 0; i < N; i += 2) {
                s[i] = secret_new(sizes[i % 10]);
                memset(s[i]->data, (int) i, s[i]->size);
        }
        for (size_t i = 0; i < N; i++) {
                for (size_t n = 0; n < s[i]->size; n++)
                        assert_int_equal(s[i]->data[n], (uint8_t) i);
                secret_free(s[i]);
        }
}

/* The VmFlags of the mapping that holds @p, from /proc/self/smaps (proc(5)). */
static void find_flags(const void *p, char flags[static 256])
{
        FILE *f = fopen("/proc/self/smaps", "re");
        char line[512];
        bool inside = false;

        assert_non_null(f);
        flags[0] = '\0';
        while (fgets(line, sizeof(line), f)) {
                unsigned long start, end;

                if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
                        inside = (uintptr_t) p >= start && (uintptr_t) p < end;
                else if (inside && strncmp(line, "VmFlags:", 8) == 0)
                        snprintf(flags, 256, "%.255s", line);
        }
        fclose(f);
}

static void secrets_are_locked_out_of_dumps_and_wiped_on_fork(void **state)
{
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                _cleanup_secret_ struct secret *s = secret_new(sizes[i]);
                char flags[256];

                find_flags(s, flags);
                assert_non_null(strstr(flags, " dd")); /* MADV_DONTDUMP */
                assert_non_null(strstr(flags, " wf")); /* MADV_WIPEONFORK */
#ifndef __SANITIZE_ADDRESS__                           /* AddressSanitizer turns mlock(2) into nothing */
                assert_non_null(strstr(flags, " lo"));
#endif
        }
}

static void a_child_has_none_of_its_parents_secrets(void **state)
{
        _cleanup_secret_ struct secret *s = secret_copy(BYTES_STRING("the parent's"));
        int status;

        pid_t child = fork();
        if (child == 0) {
                bool gone = s->size == 0 && all_zero(s->data, 12);
                secret_free(s);
                struct secret *own = secret_copy(BYTES_STRING("the child's"));
                bool works = own->size == 11 && memcmp(own->data, "the child's", 11) == 0;
                secret_free(own);
                _exit(gone && works ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_memory_equal(s->data, "the parent's", 12);
}

static void *allocate_and_free(void *argument)
{
        uint8_t mark = (uint8_t) (uintptr_t) argument;
        struct secret *held[64] = { NULL };

        for (unsigned i = 0; i < 20000; i++) {
                struct secret **s = &held[i * 7 % 64];

                if (*s)
                        for (size_t n = 0; n < (*s)->size; n++)
                                if ((*s)->data[n] != mark)
                                        return argument;
                secret_free(*s);
                *s = secret_new(sizes[i % 8]);
                memset((*s)->data, mark, (*s)->size);
        }
        for (size_t i = 0; i < 64; i++)
                secret_free(held[i]);
        return NULL;
}

static void threads_share_the_pool(void **state)
{
        pthread_t threads[4];

        for (uintptr_t i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, allocate_and_free, (void *) (i + 1)), 0);
        for (size_t i = 0; i < 4; i++) {
                void *failed;

                assert_int_equal(pthread_join(threads[i], &failed), 0);
                assert_null(failed);
        }
}

static void comparison_sees_every_byte(void **state)
{
        uint8_t a[33] = { 0 }, b[33] = { 0 };

        assert_true(secret_equal(BYTES_OF(a), BYTES_OF(b)));
        for (size_t i = 0; i < sizeof(a); i++) {
                b[i] = 0x80;
                assert_false(secret_equal(BYTES_OF(a), BYTES_OF(b)));
                b[i] = 0;
        }
        assert_false(secret_equal(BYTES(a, 32), BYTES(a, 33)));
        assert_true(secret_equal((struct bytes){ NULL, 0 }, BYTES(a, 0)));
}

static void a_null_secret_is_empty(void **state)
{
        assert_int_equal(secret_bytes(NULL).size, 0);
        assert_null(secret_free(NULL));
}

static void a_memfd_holds_it_sealed_and_is_read_from_its_start(void **state)
{
        _cleanup_secret_ struct secret *s = secret_copy(BYTES_STRING("0123456789"));
        _cleanup_close_ int fd = -1;

        assert_int_equal(secret_to_fd(s, &fd), 0);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
        assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
        assert_int_equal(write(fd, "x", 1), -1);

        lseek(fd, 0, SEEK_END);
        for (int i = 0; i < 2; i++) {
                _cleanup_secret_ struct secret *back = NULL;

                assert_int_equal(secret_from_fd(fd, 10, false, &back), 0);
                assert_true(secret_equal(secret_bytes(back), secret_bytes(s)));
        }
}

/* The reading end of a pipe that holds @content and whose writing end is closed. */
static int pipe_with(const void *content, size_t size)
{
        int fds[2];

        assert_int_equal(pipe(fds), 0);
        assert_int_equal(write(fds[1], content, size), size);
        close(fds[1]);
        return fds[0];
}

static void a_pipe_is_read_to_its_end(void **state)
{
        static const struct {
                const char *content;
                size_t max;
                bool text;
                int result;
                size_t size;
        } cases[] = {
                { "123456", 6, true, 0, 6 },
                { "123456\n", 6, true, 0, 6 },
                { "123456\n\n", 7, true, 0, 7 },
                { "123456\n", 6, false, -EMSGSIZE, 0 },
                { "123456\n", 7, false, 0, 7 },
                { "1234567", 6, true, -EMSGSIZE, 0 },
                { "123456\n\n", 6, true, -EMSGSIZE, 0 },
                { "", 6, true, -ENODATA, 0 },
                { "\n", 6, true, -ENODATA, 0 },
        };

        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                _cleanup_close_ int fd = pipe_with(cases[i].content, strlen(cases[i].content));
                _cleanup_secret_ struct secret *s = NULL;

                assert_int_equal(secret_from_fd(fd, cases[i].max, cases[i].text, &s), cases[i].result);
                if (cases[i].result < 0)
                        assert_null(s);
                else
                        assert_true(bytes_equal(secret_bytes(s), BYTES(cases[i].content, cases[i].size)));
        }
}

static void *write_in_pieces(void *fd)
{
        for (int i = 0; i < 10; i++)
                if (write(*(int *) fd, "piece", 5) != 5)
                        return fd;
        close(*(int *) fd);
        return NULL;
}

static void a_pipe_may_be_written_in_pieces(void **state)
{
        _cleanup_secret_ struct secret *s = NULL;
        pthread_t thread;
        int fds[2];

        assert_int_equal(pipe(fds), 0);
        assert_int_equal(pthread_create(&thread, NULL, write_in_pieces, &fds[1]), 0);
        assert_int_equal(secret_from_fd(fds[0], 100, false, &s), 0);
        pthread_join(thread, NULL);
        close(fds[0]);
        assert_int_equal(s->size, 50);
}

static void a_socket_is_read_to_its_end(void **state)
{
        _cleanup_secret_ struct secret *s = NULL;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        assert_int_equal(write(fds[1], "4711\n", 5), 5);
        close(fds[1]);
        assert_int_equal(secret_from_fd(fds[0], 16, true, &s), 0);
        close(fds[0]);
        assert_true(bytes_equal(secret_bytes(s), BYTES_STRING("4711")));
}

static void a_writer_that_does_not_end_is_given_up(void **state)
{
        struct secret *s = NULL;
        int fds[2];

        assert_int_equal(pipe(fds), 0);
        assert_int_equal(write(fds[1], "12", 2), 2);
        assert_int_equal(secret_from_fd(fds[0], 16, true, &s), -ETIMEDOUT);
        assert_null(s);
        close(fds[0]);
        close(fds[1]);
}

static void other_files_are_refused(void **state)
{
        struct secret *s = NULL;
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int disk = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

        assert_int_equal(secret_from_fd(null, 16, false, &s), -EINVAL);
        assert_int_equal(secret_from_fd(disk, 16, false, &s), -EINVAL);
        assert_int_equal(secret_from_fd(-1, 16, false, &s), -EBADF);
        assert_null(s);
}

static bool maps_hidden_memory(void)
{
        FILE *f = fopen("/proc/self/maps", "re");
        char line[512];
        bool found = false;

        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                found |= strstr(line, "secretmem") != NULL;
        fclose(f);
        return found;
}

/* For all of the process, from here on: the last test. */
static void a_hidden_secret_is_read_by_nobody_else(void **state)
{
        _cleanup_close_ int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        uint8_t copy[16];

        if (secret_hide() < 0)
                skip(); /* the kernel has none, or valgrind does not know it */
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                struct secret *s = secret_new(sizes[i]), *other = secret_new(sizes[i]);

                assert_true(all_zero(s->data, sizes[i]));
                memset(s->data, 0x5a, sizes[i]);
                assert_true(all_zero(other->data, sizes[i]));
                assert_true(pread(memory, copy, sizeof(copy), (off_t) (uintptr_t) s) < 0);
                assert_true(maps_hidden_memory());
                secret_free(s);
                secret_free(other);
                assert_false(maps_hidden_memory()); /* or the machine could not hibernate */
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_new_secret_is_zero_even_where_another_was),
                cmocka_unit_test(a_freed_secret_is_zeroed),
                cmocka_unit_test(a_secret_shortened_by_its_owner_is_zeroed_whole),
                cmocka_unit_test(secrets_do_not_overlap),
                cmocka_unit_test(secrets_are_locked_out_of_dumps_and_wiped_on_fork),
                cmocka_unit_test(a_child_has_none_of_its_parents_secrets),
                cmocka_unit_test(threads_share_the_pool),
                cmocka_unit_test(comparison_sees_every_byte),
                cmocka_unit_test(a_null_secret_is_empty),
                cmocka_unit_test(a_memfd_holds_it_sealed_and_is_read_from_its_start),
                cmocka_unit_test(a_pipe_is_read_to_its_end),
                cmocka_unit_test(a_pipe_may_be_written_in_pieces),
                cmocka_unit_test(a_socket_is_read_to_its_end),
                cmocka_unit_test(a_writer_that_does_not_end_is_given_up),
                cmocka_unit_test(other_files_are_refused),
                cmocka_unit_test(a_hidden_secret_is_read_by_nobody_else),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
