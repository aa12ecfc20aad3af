/* See hub_control.h. */
#include "ui/cli/hub_control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "services/cleanup.h"

#define HUB_OF_THE_MACHINE "/run/visavis-hub"

enum { LINE_MAX_BYTES = 64 * 1024 };

/* An answer as it comes. */
struct answer {
        int fd;
        int *got;
        size_t size;
        char line[LINE_MAX_BYTES];
};

char *hub_own_directory(void)
{
        const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
        char *path = NULL;
        int n = -1;

        if (state && *state == '/')
                n = asprintf(&path, "%s/visavis/hub", state);
        else if (home && *home == '/')
                n = asprintf(&path, "%s/.local/state/visavis/hub", home);
        return n < 0 ? NULL : path;
}

static int connect_at(const char *directory)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", directory);

        if (fd < 0)
                return -errno;
        if (n < 0 || (size_t) n >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        return connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : TAKE_FD(fd);
}

static int open_socket(const struct cli *cli, int *out)
{
        _cleanup_free_ char *own = cli->state ? NULL : hub_own_directory();
        int fd = cli->state ? connect_at(cli->state) : own ? connect_at(own) : -ENOENT;

        if (fd == -EACCES && cli->state)
                return cli_fail(cli, EXIT_OTHER, "The hub in %s is somebody else's.", cli->state);
        if (fd < 0 && cli->state)
                return cli_fail(cli, EXIT_NOT_FOUND,
                                "No hub runs with its state in %s (%s). Start it, or name another directory.",
                                cli->state, strerror(-fd));
        if (fd < 0)
                fd = connect_at(HUB_OF_THE_MACHINE);
        if (fd == -EACCES)
                return cli_fail(cli, EXIT_OTHER,
                                "The hub of this machine is ruled by root and the group visavis-hub; try sudo.");
        if (fd < 0)
                return cli_fail(cli, EXIT_NOT_FOUND,
                                "No hub runs here, neither yours nor that of this machine. Start one with visavis hub "
                                "run, or name the directory of its state with --state.");
        *out = fd;
        return EXIT_OK;
}

static int send_request(int fd, const char *request, int pass)
{
        _cleanup_free_ char *line = NULL;
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { .header = {
                              .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
        int n = asprintf(&line, "%s\n", request);
        struct iovec part = { line, (size_t) n };
        struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

        if (n < 0) {
                line = NULL;
                return -ENOMEM;
        }
        if (pass >= 0) {
                memcpy(CMSG_DATA(&control.header), &pass, sizeof(pass));
                m.msg_control = &control;
                m.msg_controllen = sizeof(control);
        }
        /* It is shorter than any buffer. Who is refused at the door need not be listened to, but is told why. */
        return sendmsg(fd, &m, MSG_NOSIGNAL) == n || errno == EPIPE ? 0 : -EIO;
}

static ssize_t receive(struct answer *a)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec part = { a->line + a->size, sizeof(a->line) - a->size };
        struct msghdr m = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        ssize_t n = recvmsg(a->fd, &m, MSG_CMSG_CLOEXEC);
        struct cmsghdr *h = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

        if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int))) {
                int fd;

                memcpy(&fd, CMSG_DATA(h), sizeof(fd));
                if (a->got && *a->got < 0)
                        *a->got = fd;
                else
                        close(fd);
        }
        return n;
}

/* The next object, or NULL at the end and when there is none. */
static json_object *next_object(struct answer *a)
{
        for (;;) {
                char *newline = memchr(a->line, '\n', a->size);

                if (newline) {
                        *newline = '\0';
                        json_object *o = json_tokener_parse(a->line);

                        a->size -= (size_t) (newline + 1 - a->line);
                        memmove(a->line, newline + 1, a->size);
                        return o;
                }
                ssize_t n = receive(a);

                if (n <= 0)
                        return NULL;
                a->size += (size_t) n;
        }
}

static int fail(const struct cli *cli, json_object *o)
{
        static const struct {
                const char *error;
                int code;
        } codes[] = { { "NotFound", EXIT_NOT_FOUND }, { "InvalidArgument", EXIT_USAGE } };
        const char *error = json_object_get_string(json_object_object_get(o, "error"));
        const char *text = json_object_get_string(json_object_object_get(o, "text"));
        int code = EXIT_OTHER;

        for (unsigned i = 0; i < COUNT_OF(codes); i++)
                if (strcmp(error, codes[i].error) == 0)
                        code = codes[i].code;
        return cli_fail(cli, code, "%s", text ? text : "The hub refused, and did not say why.");
}

static int read_answer(struct cli *cli, struct answer *a,
                       void (*each)(struct cli *cli, json_object *object, void *userdata), void *userdata)
{
        json_object *o;

        while ((o = next_object(a))) {
                bool end = json_object_object_get(o, "end"), error = json_object_object_get(o, "error");
                int code = error ? fail(cli, o) : EXIT_OK;

                if (!end && !error && each)
                        each(cli, o, userdata);
                json_object_put(o);
                if (end || error)
                        return code;
        }
        return cli_fail(cli, EXIT_OTHER, "The hub broke off in the middle of its answer; see its log, and try again.");
}

int hub_control_ask(struct cli *cli, const char *request, int pass, int *got,
                    void (*each)(struct cli *cli, json_object *object, void *userdata), void *userdata)
{
        _cleanup_free_ struct answer *a = calloc(1, sizeof(*a));
        _cleanup_close_ int fd = -1;
        int code = open_socket(cli, &fd), r;

        if (code != EXIT_OK)
                return code;
        if (!a)
                abort();
        a->fd = fd;
        a->got = got;
        r = send_request(fd, request, pass);
        if (r < 0)
                return cli_fail(cli, EXIT_OTHER, "The hub could not be asked: %s. Try again.", strerror(-r));
        return read_answer(cli, a, each, userdata);
}

int hub_control_copy(struct cli *cli, const char *request)
{
        _cleanup_close_ int fd = -1;
        char part[4096];
        int code = open_socket(cli, &fd), r;
        ssize_t n = 0;

        if (code != EXIT_OK)
                return code;
        r = send_request(fd, request, -1);
        while (r >= 0 && (n = read(fd, part, sizeof(part))) > 0)
                (void) fwrite(part, 1, (size_t) n, stdout);
        if (r < 0 || n < 0 || fflush(stdout) != 0)
                return cli_fail(cli, EXIT_OTHER, "The hub's answer could not be passed on: %s. Try again.",
                                strerror(r < 0 ? -r : errno));
        return EXIT_OK;
}
