/* See network.h. */
#include "network.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/log.h"

/* A cable that is plugged in makes a dozen messages; the last of them is the one that helps. */
enum { SETTLE_USEC = 300 * 1000 };

struct network {
        sd_event_source *netlink, *settle;
        sd_bus_slot *sleep;
        void (*changed)(void *userdata);
        void *userdata;
};

static void note(struct network *n)
{
        (void) sd_event_source_set_time_relative(n->settle, SETTLE_USEC);
        (void) sd_event_source_set_enabled(n->settle, SD_EVENT_ONESHOT);
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct network *n = userdata;

        n->changed(n->userdata);
        return 0;
}

/* What the messages say is not looked at: whatever it is, the links are tried. An overflow (ENOBUFS) is news as well.
 */
static int on_netlink(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        char buffer[16 * 1024];
        ssize_t size;

        do
                size = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        while (size > 0 || (size < 0 && (errno == EINTR || errno == ENOBUFS)));
        note(userdata);
        return 0;
}

static int on_sleep(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        int going;

        if (sd_bus_message_read(m, "b", &going) >= 0 && !going)
                note(userdata);
        return 0;
}

static int watch_netlink(struct network *n, sd_event *event)
{
        struct sockaddr_nl address = { .nl_family = AF_NETLINK,
                                       .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE |
                                                    RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE };
        int r, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

        if (fd < 0)
                return -errno;
        r = bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
        if (r >= 0)
                r = sd_event_add_io(event, &n->netlink, fd, EPOLLIN, on_netlink, n);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(n->netlink, true);
        if (r < 0)
                close(fd);
        return r;
}

int network_watch(sd_event *event, sd_bus *bus, void (*changed)(void *userdata), void *userdata, struct network **out)
{
        struct network *n = calloc(1, sizeof(*n));
        int r;

        if (!n)
                return -ENOMEM;
        n->changed = changed;
        n->userdata = userdata;
        r = sd_event_add_time_relative(event, &n->settle, CLOCK_BOOTTIME, 0, 0, on_settled, n);
        if (r >= 0)
                r = sd_event_source_set_enabled(n->settle, SD_EVENT_OFF);
        if (r < 0) {
                network_free(n);
                return r;
        }
        r = watch_netlink(n, event);
        if (r < 0)
                log_warning("Changes of the network are not seen (%s): a link that breaks is noticed a minute later.",
                            strerror(-r));
        r = sd_bus_match_signal_async(bus, &n->sleep, "org.freedesktop.login1", "/org/freedesktop/login1",
                                      "org.freedesktop.login1.Manager", "PrepareForSleep", on_sleep, NULL, n);
        if (r < 0)
                log_warning("The machine's waking up is not seen (%s).", strerror(-r));
        *out = n;
        return 0;
}

struct network *network_free(struct network *n)
{
        if (!n)
                return NULL;
        sd_event_source_disable_unref(n->netlink);
        sd_event_source_disable_unref(n->settle);
        sd_bus_slot_unref(n->sleep);
        free(n);
        return NULL;
}
