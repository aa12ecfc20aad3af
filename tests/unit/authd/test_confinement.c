/* A confined process computes and answers, and does nothing else; what it says of a face is not believed blindly. */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../services/cmocka_headers.h"

#include "authd/vision/vision.h"
#include "services/confinement.h"

/* How a confined process ends that does @f: its exit status, or minus the signal. */
static int confined(unsigned needs, int (*f)(void))
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                (void) setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
                _exit(confine(needs) < 0 ? 99 : f());
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

enum { ALL = CONFINED_WITH_SOCKETS | CONFINED_WITH_THREADS | CONFINED_WITH_CAMERA };

static void *one(void *userdata)
{
        return userdata;
}

static int computes(void)
{
        pthread_t thread;
        char *memory = malloc(10 << 20);
        int fds = memory ? (memset(memory, 1, 10 << 20), 0) : 1;

        free(memory);
        if (pthread_create(&thread, NULL, one, NULL) != 0 || pthread_join(thread, NULL) != 0)
                return 2;
        return fds + (write(STDERR_FILENO, "", 0) < 0);
}

static int opens(void)
{
        return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int connects(void)
{
        return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int receives(void)
{
        return recv(STDERR_FILENO, NULL, 0, MSG_DONTWAIT) < 0 ? 0 : 1;
}

static int forks(void)
{
        return fork();
}

static int runs(void)
{
        return execl("/bin/true", "true", NULL);
}

static int kills(void)
{
        return kill(getppid(), 0);
}

static int makes_code(void)
{
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int turns_to_code(void)
{
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int asks_a_terminal(void)
{
        struct winsize size;

        return ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
}

static int asks_for_a_terminal(void)
{
        return isatty(STDERR_FILENO) || errno != ENOTTY;
}

static int asks_a_camera(void)
{
        struct v4l2_capability capability;

        return ioctl(STDERR_FILENO, VIDIOC_QUERYCAP, &capability) < 0 ? 0 : 1;
}

static void it_computes_and_answers(void **state)
{
        assert_int_equal(confined(CONFINED_WITH_THREADS, computes), 0);
}

static void it_opens_connects_starts_and_signals_nothing(void **state)
{
        assert_int_equal(confined(ALL, opens), EACCES);
        assert_int_equal(confined(ALL, connects), -SIGSYS);
        assert_int_equal(confined(ALL, forks), -SIGSYS);
        assert_int_equal(confined(ALL, runs), -SIGSYS);
        assert_int_equal(confined(ALL, kills), -SIGSYS);
}

static void it_talks_and_starts_threads_only_if_it_has_to(void **state)
{
        assert_int_equal(confined(CONFINED_WITH_SOCKETS, receives), 0);
        assert_int_equal(confined(CONFINED_WITH_THREADS, receives), -SIGSYS);
        assert_int_equal(confined(CONFINED_WITH_SOCKETS, computes), -SIGSYS);
}

static void it_makes_no_code(void **state)
{
        assert_int_equal(confined(ALL, makes_code), -SIGSYS);
        assert_int_equal(confined(ALL, turns_to_code), -SIGSYS);
}

static void only_a_device_is_controlled_and_only_as_a_camera(void **state)
{
        assert_int_equal(confined(ALL, asks_a_camera), 0);
        assert_int_equal(confined(ALL, asks_a_terminal), -SIGSYS);
        assert_int_equal(confined(CONFINED, asks_a_camera), -SIGSYS);
        assert_int_equal(confined(CONFINED, asks_for_a_terminal), 0); /* the C library does before it writes */
}

static struct observation plausible(void)
{
        struct observation o = {
                .observed = OBSERVE_EMBEDDING, .faces = 1, .box = { 0.2, 0.2, 0.4, 0.5 }, .size = 200, .brightness = 100
        };

        o.embedding[7] = 1;
        return o;
}

static void what_cannot_be_seen_is_not_believed(void **state)
{
        struct observation o = plausible();

        assert_true(observation_valid(&o));
        o.yaw = NAN;
        assert_false(observation_valid(&o));
        o = plausible();
        o.embedding[8] = 1;
        assert_false(observation_valid(&o));
        o.embedding[8] = NAN;
        assert_false(observation_valid(&o));
        o = plausible();
        o.observed = 0; /* an embedding that nobody asked for */
        assert_false(observation_valid(&o));
        o = plausible();
        o.observed |= 1 << 20;
        assert_false(observation_valid(&o));
        o = plausible();
        o.landmark[67].y = INFINITY;
        assert_false(observation_valid(&o));
        o = plausible();
        o.box.width = 2;
        assert_false(observation_valid(&o));
        o = plausible();
        o.eye_open[1] = -1;
        assert_false(observation_valid(&o));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_computes_and_answers),
                cmocka_unit_test(it_opens_connects_starts_and_signals_nothing),
                cmocka_unit_test(it_talks_and_starts_threads_only_if_it_has_to),
                cmocka_unit_test(it_makes_no_code),
                cmocka_unit_test(only_a_device_is_controlled_and_only_as_a_camera),
                cmocka_unit_test(what_cannot_be_seen_is_not_believed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
