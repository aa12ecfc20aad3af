/* See access_log_view.h. */
#include "ui/cli/access_log_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/cli/hub_control.h"
#include "ui/cli/output.h"

enum {
        LAST_DEFAULT = 20,
        TAIL_BYTES = 256 * 1024, /* hold more lines than --last may ask for */
        LOOK_USEC = 300 * 1000,
};

/* Time, address and event, and an account behind some. */
static void print_line(const struct cli *cli, char *line)
{
        static const char *const names[] = { "time", "address", "event", "account" };
        json_object *o;

        if (!cli->json) {
                _cleanup_free_ char *safe = output_sanitise(line, false);

                printf("%s\n", safe);
                return;
        }
        o = json_object_new_object();
        for (unsigned i = 0; i < COUNT_OF(names) && line; i++)
                json_object_object_add(o, names[i], json_object_new_string(strsep(&line, " ")));
        output_json(o);
}

/* Prints the whole lines from *@offset on and moves it behind them. */
static int print_from(const struct cli *cli, int fd, off_t *offset)
{
        _cleanup_free_ char *buffer = malloc(TAIL_BYTES + 1);
        ssize_t n;

        if (!buffer)
                abort();
        while ((n = pread(fd, buffer, TAIL_BYTES, *offset)) > 0) {
                char *start = buffer, *newline;

                buffer[n] = '\0';
                while ((newline = memchr(start, '\n', (size_t) (buffer + n - start)))) {
                        *newline = '\0';
                        print_line(cli, start);
                        start = newline + 1;
                }
                if (start == buffer)
                        break;
                *offset += start - buffer;
        }
        fflush(stdout);
        return n < 0 ? -errno : 0;
}

/* Where the last @count lines begin. */
static off_t find_last(int fd, unsigned count)
{
        _cleanup_free_ char *buffer = malloc(TAIL_BYTES);
        off_t size = lseek(fd, 0, SEEK_END), from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
        ssize_t n = buffer ? pread(fd, buffer, TAIL_BYTES, from) : 0;

        for (ssize_t i = n - 2; i >= 0; i--) {
                if (buffer[i] == '\n' && --count == 0)
                        return from + i + 1;
        }
        return from;
}

static bool is_same(int a, int b)
{
        struct stat one, other;

        return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

static int follow(struct cli *cli, int *fd, off_t offset)
{
        for (;;) {
                int r, newer = -1;

                usleep(LOOK_USEC);
                r = hub_control_ask(cli, "log", -1, &newer, NULL, NULL);
                if (print_from(cli, *fd, &offset) < 0 || r != EXIT_OK || newer < 0) {
                        if (newer >= 0)
                                close(newer);
                        return r;
                }
                if (is_same(*fd, newer)) {
                        close(newer);
                        continue;
                }
                close(*fd); /* it was rotated, and has been read to its end */
                *fd = newer;
                offset = 0;
        }
}

int access_log_show(struct cli *cli)
{
        _cleanup_close_ int fd = -1;
        int r = hub_control_ask(cli, "log", -1, &fd, NULL, NULL);
        off_t offset;

        if (r != EXIT_OK)
                return r;
        if (fd < 0)
                return cli_fail(cli, EXIT_OTHER, "The hub sent no access log.");
        offset = find_last(fd, cli->last ? cli->last : LAST_DEFAULT);
        if (print_from(cli, fd, &offset) < 0)
                return cli_fail(cli, EXIT_OTHER, "The access log could not be read: %s.", strerror(errno));
        return cli->follow ? follow(cli, &fd, offset) : EXIT_OK;
}
