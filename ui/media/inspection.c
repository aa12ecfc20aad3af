/* See inspection.h. */
#include "ui/media/inspection.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "services/cleanup.h"

#define PROGRAM "visavis-inspect"

enum { FINDING_OVERHEAD = 128 };

static int64_t now_msec(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* In the child: the file, the pipe, and nothing else; not even an environment. Only what may be called between fork(2)
 * and exec(3) of a program with threads. */
__attribute__((noreturn)) static void become(const char *program, const char *side, int file, int pipe, int nothing)
{
        const char *const arguments[] = { PROGRAM, side, NULL };
        const char *const environment[] = { NULL };
        sigset_t none;

        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (dup2(file, 0) == 0 && dup2(pipe, 1) == 1 && dup2(nothing, 2) == 2 && close_range(3, ~0U, 0) == 0)
                (void) execve(program, (char *const *) arguments, (char *const *) environment);
        _exit(errno == ENOENT ? 126 : 127);
}

/* dup2(2) would overwrite what is yet to be given if it stood at 0 to 2. */
static int lift(int fd)
{
        int lifted = fcntl(fd, F_DUPFD_CLOEXEC, 3);

        return lifted < 0 ? -errno : lifted;
}

static int start(const char *program, int file, int pipe, unsigned side, pid_t *pid)
{
        _cleanup_close_ int input = lift(file), output = lift(pipe), nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        _cleanup_close_ int errors = nothing < 0 ? -1 : lift(nothing);
        char number[16];

        if (input < 0 || output < 0 || errors < 0)
                return -EMFILE;
        (void) snprintf(number, sizeof(number), "%u", side);
        *pid = fork();
        if (*pid == 0)
                become(program, number, input, output, errors);
        return *pid < 0 ? -errno : 0;
}

/* All that it says until it closes the pipe. */
static int listen_to(int pipe, size_t max, struct writer *out)
{
        const int64_t deadline = now_msec() + INSPECTION_SECONDS * 1000;
        uint8_t buffer[65536];

        for (;;) {
                struct pollfd ready = { .fd = pipe, .events = POLLIN };
                const int64_t left = deadline - now_msec();
                const int r = left <= 0 ? 0 : poll(&ready, 1, (int) left);
                const ssize_t n = r > 0 ? read(pipe, buffer, sizeof(buffer)) : -1;

                if (r == 0)
                        return -ETIMEDOUT;
                if (n == 0)
                        return writer_finish(out);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0 && out->size + (size_t) n > max)
                        return -ECHILD;
                if (n > 0)
                        write_fixed(out, BYTES(buffer, n));
        }
}

/* How it ended. One that is still there is killed. */
static int end(pid_t pid)
{
        int status;

        (void) kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -ECHILD;
        return WIFEXITED(status) && WEXITSTATUS(status) == 126 ? -ENOENT : 0;
}

int inspect_file_with(const char *program, int fd, unsigned side, struct finding *out)
{
        _cleanup_writer_ struct writer said = WRITER_INIT;
        _cleanup_close_ int from = -1, to = -1;
        struct stat st;
        int ends[2], r, ended;
        pid_t pid;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || side == 0 || side > FINDING_SIDE_MAX)
                return -EINVAL;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        from = ends[0];
        to = ends[1];
        r = start(program, fd, to, side, &pid);
        close(TAKE_FD(to));
        if (r < 0)
                return r;
        r = listen_to(from, (size_t) 3 * side * side + FINDING_OVERHEAD, &said);
        ended = end(pid);
        if (ended < 0)
                return ended;
        if (r >= 0)
                r = finding_read(writer_bytes(&said), side, out);
        return r == -EBADMSG ? -ECHILD : r;
}

/* Beside this program, as after a build, or where it is installed. */
static int find_program(char out[static PATH_MAX])
{
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        char *slash;

        if (n < 0)
                return -errno;
        self[n] = '\0';
        slash = strrchr(self, '/');
        if (!slash)
                return -ENOENT;
        *slash = '\0';
        if (snprintf(out, PATH_MAX, "%s/" PROGRAM, self) >= PATH_MAX || access(out, X_OK) < 0)
                (void) snprintf(out, PATH_MAX, "%s/" PROGRAM, LIBEXEC_DIRECTORY);
        return 0;
}

int inspect_file(int fd, unsigned side, struct finding *out)
{
        char program[PATH_MAX];
        int r = find_program(program);

        return r < 0 ? r : inspect_file_with(program, fd, side, out);
}
