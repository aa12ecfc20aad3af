/* Both ends of a bus connection in one process. */
#include "tests/unit/ui/peer.h"

#include <sys/socket.h>

static sd_bus *new_end(struct peer *p, int fd)
{
        sd_bus *bus;

        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_fd(bus, fd, fd) >= 0);
        assert_true(sd_bus_negotiate_fds(bus, true) >= 0);
        assert_true(sd_bus_set_anonymous(bus, true) >= 0);
        return bus;
}

void peer_open(struct peer *p)
{
        int fds[2];

        *p = (struct peer){ 0 };
        assert_true(sd_event_new(&p->event) >= 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        p->service = new_end(p, fds[0]);
        assert_true(sd_bus_set_server(p->service, true,
                                      SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 00, 01, 02, 03, 04, 05, 06, 07, 00)) >=
                    0);
        assert_true(sd_bus_set_sender(p->service, PEER_SENDER) >= 0);
        p->client = new_end(p, fds[1]);
        assert_true(sd_bus_start(p->service) >= 0);
        assert_true(sd_bus_start(p->client) >= 0);
        assert_true(sd_bus_attach_event(p->service, p->event, 0) >= 0);
        assert_true(sd_bus_attach_event(p->client, p->event, 0) >= 0);
}

void peer_lose(struct peer *p)
{
        sd_bus_detach_event(p->service);
        sd_bus_close(p->service);
        p->service = sd_bus_unref(p->service);
}

void peer_close(struct peer *p)
{
        if (p->service)
                peer_lose(p);
        sd_bus_detach_event(p->client);
        sd_bus_close(p->client);
        p->client = sd_bus_unref(p->client);
        p->event = sd_event_unref(p->event);
}

void peer_run(struct peer *p, const bool *condition)
{
        while (!*condition)
                assert_true(sd_event_run(p->event, 5000000) > 0);
}

void peer_settle(struct peer *p)
{
        while (sd_event_run(p->event, 20000) > 0)
                ;
}

void peer_signal(struct peer *p, const char *sender, const char *path, const char *interface, const char *member,
                 const char *types, ...)
{
        sd_bus_message *m;
        va_list arguments;

        assert_true(sd_bus_message_new_signal(p->service, &m, path, interface, member) >= 0);
        assert_true(sd_bus_message_set_sender(m, sender) >= 0);
        va_start(arguments, types);
        assert_true(sd_bus_message_appendv(m, types, arguments) >= 0);
        va_end(arguments);
        assert_true(sd_bus_send(p->service, m, NULL) >= 0);
        sd_bus_message_unref(m);
}

void peer_service_gone(struct peer *p, const char *sender, const char *name)
{
        peer_signal(p, sender, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", name,
                    PEER_SENDER, "");
}
