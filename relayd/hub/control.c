/* See control.h. */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control_connection.h"
#include "services/cleanup.h"

enum {
        CONNECTIONS_MAX = 16,
        GROUPS_MAX = 64,
        PATIENCE_USEC = 10 * 1000 * 1000, /* for the request to come */
        ANSWER_SECONDS = 30,              /* for a part of the answer to be taken */
};

void connection_free(struct connection *c)
{
        struct control *control = c->control;

        for (struct connection **p = &control->connections; *p; p = &(*p)->next) {
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        }
        control->count--;
        c->stopping = true;
        (void) shutdown(c->fd, SHUT_RDWR); /* an errand may wait for it to take something */
        errand_free(c->errand);
        hub_forget(control->hub, c);
        sd_event_source_disable_unref(c->io);
        sd_event_source_disable_unref(c->timer);
        if (c->out)
                fclose(c->out);
        if (c->passed >= 0)
                close(c->passed);
        close(c->fd);
        if (c->token)
                explicit_bzero(c->token, strlen(c->token));
        free(c->token);
        free(c);
}

static ssize_t receive(struct connection *c)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec part = { c->line + c->size, sizeof(c->line) - c->size };
        struct msghdr m = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        struct cmsghdr *h = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

        if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int))) {
                if (c->passed >= 0)
                        close(c->passed);
                memcpy(&c->passed, CMSG_DATA(h), sizeof(int));
        }
        return n;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct connection *c = userdata;
        ssize_t n = receive(c);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                connection_free(c);
                return 0;
        }
        c->size += (size_t) n;
        const char *newline = memchr(c->line, '\n', c->size), *fault;

        if (!newline && c->size < sizeof(c->line))
                return 0;
        c->io = sd_event_source_disable_unref(c->io);
        c->timer = sd_event_source_disable_unref(c->timer);
        fault = newline ? control_request_parse(BYTES(c->line, newline - c->line), &c->request)
                        : "A request is one line of at most 256 bytes.";
        if (fault)
                control_refuse(c, "InvalidArgument", fault);
        else
                control_answer(c);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        connection_free(userdata);
        return 0;
}

static bool is_of_group(int fd, gid_t group)
{
        gid_t groups[GROUPS_MAX];
        socklen_t size = sizeof(groups);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
                return false;
        for (unsigned i = 0; i < size / sizeof(gid_t); i++) {
                if (groups[i] == group)
                        return true;
        }
        return false;
}

static bool may_rule(const struct control *control, int fd)
{
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return false;
        return peer.uid == 0 || peer.uid == geteuid() ||
               (control->settings.group && (peer.gid == getegid() || is_of_group(fd, getegid())));
}

static int take(struct control *control, int fd)
{
        const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
        struct connection *c = calloc(1, sizeof(*c));
        int r;

        if (!c) {
                close(fd);
                return -ENOMEM;
        }
        c->control = control;
        c->fd = fd;
        c->passed = -1;
        c->next = control->connections;
        control->connections = c;
        control->count++;
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        int copy = dup(fd);

        c->out = copy < 0 ? NULL : fdopen(copy, "w");
        if (!c->out) {
                if (copy >= 0)
                        close(copy);
                connection_free(c);
                return -ENOMEM;
        }
        if (!may_rule(control, fd)) {
                control_refuse(c, "AccessDenied", "Only root and the user that the hub runs as may do that.");
                return -EACCES;
        }
        r = sd_event_add_io(control->event, &c->io, fd, EPOLLIN, on_readable, c);
        if (r >= 0)
                r = sd_event_add_time_relative(control->event, &c->timer, CLOCK_BOOTTIME, PATIENCE_USEC, 0, on_timer,
                                               c);
        if (r < 0)
                connection_free(c);
        return r;
}

static int on_accept(sd_event_source *source, int listener, uint32_t revents, void *userdata)
{
        struct control *control = userdata;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return 0;
        if (control->count >= CONNECTIONS_MAX)
                close(fd);
        else
                (void) take(control, fd);
        return 0;
}

static int listen_at(const struct control_settings *s, ino_t *inode)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct stat st;

        if (fd < 0)
                return -errno;
        if (strlen(s->path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, s->path);
        if (unlink(s->path) < 0 && errno != ENOENT)
                return -errno;
        /* The umask has left others nothing. */
        if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            chmod(s->path, s->group ? 0660 : 0600) < 0 || listen(fd, CONNECTIONS_MAX) < 0 || stat(s->path, &st) < 0)
                return -errno;
        *inode = st.st_ino;
        return TAKE_FD(fd);
}

int control_new(sd_event *event, struct hub *h, const struct control_settings *settings, struct control **out)
{
        struct control *control = calloc(1, sizeof(*control));
        int fd, r;

        if (!control)
                return -ENOMEM;
        control->event = sd_event_ref(event);
        control->hub = h;
        control->settings = *settings;
        r = fd = listen_at(settings, &control->inode);
        if (r >= 0)
                r = sd_event_add_io(event, &control->listener, fd, EPOLLIN, on_accept, control);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(control->listener, true);
        if (r < 0) {
                control_free(control);
                return r;
        }
        *out = control;
        return 0;
}

struct control *control_free(struct control *control)
{
        struct stat st;

        if (!control)
                return NULL;
        while (control->connections)
                connection_free(control->connections);
        sd_event_source_disable_unref(control->listener);
        if (control->inode && stat(control->settings.path, &st) == 0 && st.st_ino == control->inode)
                (void) unlink(control->settings.path);
        sd_event_unref(control->event);
        free(control);
        return NULL;
}
