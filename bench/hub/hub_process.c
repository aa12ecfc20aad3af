/* See hub_process.h. */
#include "bench/hub/hub_process.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "services/cleanup.h"

static const char configuration[] = "[hub]\n"
                                    "connections = 100000\n"
                                    "[limits]\n"
                                    "mailbox-messages = 100000000\n"
                                    "mailbox-bytes = 1000000000000\n"
                                    "chunk-bytes = 1000000000000\n"
                                    "chunk-rate = 0\n"
                                    "chunk-rate-of-address = 0\n"
                                    "messages-per-second = 0\n"
                                    "unproven-links = 0\n"
                                    "links-of-address = 0\n"
                                    "links-per-minute = 0\n"
                                    "handshake = 2min\n"
                                    "idle = 1h\n";

uint16_t free_port(void)
{
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(in);
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (bind(fd, (struct sockaddr *) &in, sizeof(in)) < 0 || getsockname(fd, (struct sockaddr *) &in, &size) < 0)
                err(1, "loopback");
        return ntohs(in.sin_port);
}

static void write_configuration(const char *directory)
{
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/hub.conf", directory) < 0)
                errx(1, "out of memory");
        _cleanup_fclose_ FILE *f = fopen(path, "we");

        if (!f || fputs(configuration, f) == EOF)
                err(1, "%s", path);
}

/* It prints its address when it is ready. */
static void wait_ready(int fd)
{
        char line[512];
        _cleanup_fclose_ FILE *f = fdopen(fd, "re");

        if (!f || !fgets(line, sizeof(line), f))
                errx(1, "the hub does not start");
}

void hub_process_start(struct hub_process *h, const char *program)
{
        _cleanup_free_ char *state = NULL, *listen = NULL;
        posix_spawn_file_actions_t actions;
        int out[2];

        if (h->port == 0)
                h->port = free_port();
        if (asprintf(&state, "%s/state", h->directory) < 0 || asprintf(&listen, "127.0.0.1:%u", h->port) < 0)
                errx(1, "out of memory");
        (void) mkdir(state, 0700);
        write_configuration(h->directory);
        char *const arguments[] = { (char *) program,
                                    (char *) "--config",
                                    h->directory,
                                    (char *) "--state",
                                    state,
                                    (char *) "--listen",
                                    listen,
                                    (char *) "--log-level",
                                    (char *) "warning",
                                    NULL };

        if (pipe(out) < 0)
                err(1, "pipe");
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        (void) posix_spawn_file_actions_addclose(&actions, out[0]);
        errno = posix_spawn(&h->pid, program, &actions, NULL, arguments, environ);
        if (errno != 0)
                err(1, "%s", program);
        (void) posix_spawn_file_actions_destroy(&actions);
        close(out[1]);
        wait_ready(out[0]);
        if (clock_getcpuclockid(h->pid, &h->clock) != 0)
                errx(1, "the hub's processor time cannot be read");
}

void hub_process_kill(struct hub_process *h)
{
        if (h->pid > 0) {
                (void) kill(h->pid, SIGKILL);
                (void) waitpid(h->pid, NULL, 0);
        }
        h->pid = 0;
}

uint64_t process_cpu_ns(const struct hub_process *h)
{
        struct timespec t;

        if (clock_gettime(h->clock, &t) < 0)
                err(1, "processor time of the hub");
        return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

static uint64_t status_number(struct json_object *status, const char *name)
{
        struct json_object *value;

        if (!json_object_object_get_ex(status, name, &value))
                errx(1, "the hub does not say its %s", name);
        return (uint64_t) json_object_get_int64(value);
}

struct commits hub_process_commits(const struct hub_process *h)
{
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void) snprintf(un.sun_path, sizeof(un.sun_path), "%s/state/control", h->directory);
        if (connect(fd, (struct sockaddr *) &un, sizeof(un)) < 0 || write(fd, "status\n", 7) != 7)
                err(1, "%s", un.sun_path);
        _cleanup_fclose_ FILE *f = fdopen(fd, "re");

        if (!f || getline(&line, &size, f) < 0)
                errx(1, "the hub does not say its status");
        struct json_object *status = json_tokener_parse(line);
        struct commits c = { status_number(status, "commits"), status_number(status, "commit_requests") };

        json_object_put(status);
        return c;
}

uint64_t process_private_bytes(pid_t pid)
{
        _cleanup_free_ char *path = NULL, *line = NULL;
        uint64_t sum = 0, kib;
        size_t size = 0;

        if (asprintf(&path, "/proc/%d/smaps_rollup", (int) pid) < 0)
                errx(1, "out of memory");
        _cleanup_fclose_ FILE *f = fopen(path, "re");

        if (!f)
                err(1, "%s", path);
        while (getline(&line, &size, f) > 0) {
                if (sscanf(line, "Private_Clean: %lu", &kib) == 1 || sscanf(line, "Private_Dirty: %lu", &kib) == 1)
                        sum += kib * 1024;
        }
        return sum;
}
