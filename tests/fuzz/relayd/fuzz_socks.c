/* What a SOCKS5 proxy answers: the input is all that it says, after which it is gone. Each input ends with done(),
 * once. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relayd/link/socks.h"

static unsigned told;

static void on_done(void *userdata, int fd, const char *sentence)
{
        struct socks **s = userdata;

        if ((fd >= 0) == (sentence != NULL))
                abort();
        if (fd >= 0)
                close(fd);
        told++;
        *s = socks_free(*s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static sd_event *event;
        struct socks *s = NULL;
        int pair[2];

        if (size > 4096 || (!event && sd_event_new(&event) < 0) ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
                return 0;
        told = 0;
        (void) !write(pair[1], data, size);
        (void) shutdown(pair[1], SHUT_WR);
        if (socks_connect(event, pair[0], size % 2 ? "hub.example.org" : "192.0.2.1", 7843, "account", on_done, &s,
                          &s) < 0)
                abort();
        for (unsigned turns = 0; told == 0; turns++) {
                if (sd_event_run(event, 0) < 0 || turns > 100)
                        abort();
        }
        if (told != 1)
                abort();
        close(pair[1]);
        return 0;
}
