/* See listening.h. */
#include "listening.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "services/log.h"

int listening_parse(const char *text, struct address *out)
{
        const char *reason;

        if (address_parse_hub(text, out, &reason) < 0) {
                log_error("The hub cannot listen on \"%s\": %s Write host:port, such as 127.0.0.1:7843 or [::]:7843.",
                          text, reason);
                return -EINVAL;
        }
        return 0;
}

int listening_open(const struct address *a, int *out)
{
        static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
        struct addrinfo *found;
        char port[6];
        int one = 1, r = -EADDRNOTAVAIL;

        (void) snprintf(port, sizeof(port), "%u", a->port);
        r = getaddrinfo(a->host, port, &hints, &found);
        if (r != 0) {
                log_error("The hub cannot listen on %s: %s. Correct listen in hub.conf.", a->host, gai_strerror(r));
                return -EADDRNOTAVAIL;
        }
        int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
                r = -errno;
                log_error("The hub cannot listen on %s port %u: %s.%s", a->host, a->port, strerror(-r),
                          r == -EADDRINUSE ? " Another program has that port; stop it, or choose another port." : "");
                if (fd >= 0)
                        close(fd);
        } else {
                *out = fd;
                r = 0;
        }
        freeaddrinfo(found);
        return r;
}

int listening_inherited(void)
{
        int count = sd_listen_fds(1);

        for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
                if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
                        log_error("systemd handed over a socket that is not a listening stream socket; correct "
                                  "visavis-hub.socket.");
                        return -EINVAL;
                }
                if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
                        return -errno;
        }
        return count;
}
