/* See control.h. */
#include "control.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "control_request.h"
#include "errand.h"
#include "invitation.h"
#include "report.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/text.h"

enum {
        CONNECTIONS_MAX = 16,
        GROUPS_MAX = 64,
        DRAIN_STEPS = 64,
        PATIENCE_USEC = 10 * 1000 * 1000, /* for the request to come */
        ANSWER_SECONDS = 30,              /* for a part of the answer to be taken */
};

struct connection {
        struct connection *next;
        struct control *control;
        int fd, passed; /* @passed: what came with the request, -1 for nothing */
        sd_event_source *io, *timer;
        char line[CONTROL_LINE_MAX + 1];
        size_t size;
        struct control_request request;
        FILE *out;
        struct errand *errand;
        atomic_bool stopping;
        int result;    /* of the errand */
        int64_t bytes; /* of a backup */
        struct report report;
        char *token;
};

struct control {
        sd_event *event;
        struct hub *hub;
        struct control_settings settings;
        sd_event_source *listener;
        struct connection *connections;
        unsigned count;
        ino_t inode; /* of the socket that is ours */
};

static void connection_free(struct connection *c)
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

/* False once nobody reads any more. */
static bool say(struct connection *c, json_object *object)
{
        fputs(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), c->out);
        json_object_put(object);
        return fputc('\n', c->out) != EOF && !ferror(c->out);
}

static void add_string(json_object *o, const char *name, const char *value)
{
        json_object_object_add(o, name, json_object_new_string(value));
}

static void add_number(json_object *o, const char *name, int64_t value)
{
        json_object_object_add(o, name, json_object_new_int64(value));
}

/* All has been said. What was not listened to is taken in, or the kernel would call the end a reset. */
static void finish(struct connection *c)
{
        (void) fflush(c->out);
        for (unsigned i = 0; i < DRAIN_STEPS && recv(c->fd, c->line, sizeof(c->line), MSG_DONTWAIT) > 0; i++)
                continue;
        connection_free(c);
}

static void refuse(struct connection *c, const char *error, const char *sentence)
{
        json_object *o = json_object_new_object();

        add_string(o, "error", error);
        add_string(o, "text", sentence);
        (void) say(c, o);
        finish(c);
}

static void end(struct connection *c)
{
        json_object *o = json_object_new_object();

        json_object_object_add(o, "end", json_object_new_boolean(true));
        (void) say(c, o);
        finish(c);
}

static bool say_account(void *userdata, const struct store_account *a)
{
        json_object *o = json_object_new_object();

        add_string(o, "name", a->name);
        add_number(o, "created_usec", a->created_usec);
        add_number(o, "waiting_messages", a->entries);
        add_number(o, "waiting_bytes", a->bytes);
        add_number(o, "chunk_bytes", a->chunk_bytes);
        add_number(o, "key_packages", a->key_packages);
        return say(userdata, o);
}

static void add_invitation(json_object *o, const uint8_t *id, int64_t uses, int64_t until_usec)
{
        _cleanup_free_ char *hex = hex_encode(BYTES(id, STORE_INVITATION_ID_SIZE));

        add_string(o, "invitation", hex ? hex : "");
        add_number(o, "uses", uses);
        add_number(o, "until_usec", until_usec);
}

static bool say_invitation(void *userdata, const struct store_invitation *i)
{
        static const char *const states[] = { [STORE_TOKEN_UNKNOWN] = "good",
                                              [STORE_TOKEN_USED] = "used",
                                              [STORE_TOKEN_EXPIRED] = "expired",
                                              [STORE_TOKEN_REVOKED] = "revoked" };
        json_object *o = json_object_new_object();

        add_invitation(o, i->id, i->uses, i->until_usec);
        add_number(o, "created_usec", i->created_usec);
        add_string(o, "state", states[i->refusal]);
        return say(userdata, o);
}

/* The errands, each in its thread. */
static int list(struct connection *c, struct store_view *v)
{
        return c->request.command == CONTROL_ACCOUNTS ? store_view_accounts(v, say_account, c)
                                                      : store_view_invitations(v, say_invitation, c);
}

static bool may_go_on(void *userdata, unsigned percent)
{
        struct connection *c = userdata;
        char byte;

        /* Who has gone away does not want it any more. */
        return !c->stopping && recv(c->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0;
}

static void work_on_view(void *userdata)
{
        struct connection *c = userdata;
        struct store_view *v;

        c->result = store_view_open(hub_store(c->control->hub), &v);
        if (c->result < 0)
                return;
        c->result = c->request.command == CONTROL_BACKUP ? store_view_backup(v, c->passed, may_go_on, c, &c->bytes)
                                                         : list(c, v);
        store_view_close(v);
}

static void work_on_report(void *userdata)
{
        struct connection *c = userdata;

        c->result = report_count(&c->report, hub_store(c->control->hub), c->control->settings.directory);
}

static void fail(struct connection *c)
{
        if (c->result == -EBUSY)
                refuse(c, "Busy", "Another backup is being made; wait for that.");
        else if (c->request.command == CONTROL_BACKUP)
                refuse(c, "Storage",
                       c->result == -EBADMSG ? "The copy is damaged, and so the hub's database may be; see its log."
                                             : strerror(-c->result));
        else
                refuse(c, "Storage", "The hub's database could not be read; see its log.");
}

static void on_errand_done(void *userdata)
{
        struct connection *c = userdata;

        if (c->result < 0) {
                fail(c);
                return;
        }
        if (c->request.command == CONTROL_METRICS) {
                report_metrics(&c->report, c->out);
                finish(c);
                return;
        }
        if (c->request.command == CONTROL_STATUS) {
                (void) say(c, report_json(&c->report));
        } else if (c->request.command == CONTROL_BACKUP) {
                json_object *o = json_object_new_object();

                add_number(o, "bytes", c->bytes);
                (void) say(c, o);
        }
        end(c);
}

static void run_errand(struct connection *c, void (*work)(void *userdata))
{
        if (errand_start(c->control->event, work, on_errand_done, c, &c->errand) < 0)
                refuse(c, "Busy", "The hub has no memory for that; try again later.");
}

static void report(struct connection *c)
{
        const struct control_settings *s = &c->control->settings;

        report_take(&c->report, c->control->hub, s->address, s->since_usec);
        run_errand(c, work_on_report);
}

static void on_order_done(void *userdata, const struct store_request *r)
{
        struct connection *c = userdata;
        json_object *o;

        if (r->result == STORE_UNKNOWN) {
                refuse(c, "NotFound",
                       r->operation == STORE_DELETE ? "There is no account of that name; accounts lists them."
                                                    : "There is no such invitation that is still good; invitations "
                                                      "lists them.");
                return;
        }
        if (r->result != STORE_DONE) {
                refuse(c, "Storage", "The hub could not write to its disk, so nothing was changed; see its log.");
                return;
        }
        if (r->operation == STORE_INVITE) {
                o = json_object_new_object();
                add_string(o, "token", c->token);
                add_invitation(o, r->token, r->uses, (int64_t) r->until_usec);
                (void) say(c, o);
        }
        end(c);
}

static void order(struct connection *c, const struct store_request *r)
{
        if (hub_order(c->control->hub, r, on_order_done, c) < 0)
                refuse(c, "Busy", "The hub has no memory for that; try again later.");
}

static void invite(struct connection *c)
{
        struct store_request r = { .operation = STORE_INVITE, .uses = c->request.uses };

        r.until_usec = ((uint64_t) time(NULL) + c->request.seconds) * 1000000;
        if (invitation_new(&c->token, r.token) < 0)
                refuse(c, "Busy", "The hub has no memory for that; try again later.");
        else
                order(c, &r);
}

/* The log itself goes, open for reading: what is shown of it, and for how long it is followed, is the reader's. */
static void pass_log(struct connection *c)
{
        static char text[] = "{\"log\":true}\n";
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { .header = {
                              .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
        struct iovec part = { text, sizeof(text) - 1 };
        struct msghdr m = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        _cleanup_close_ int log = access_log_read(hub_access_log(c->control->hub));

        if (log < 0) {
                refuse(c, "NotFound",
                       log == -ENOENT ? "The hub writes no access log; set access-log = yes in hub.conf and have it "
                                        "read its configuration again."
                                      : "The access log cannot be read; see the hub's own log.");
                return;
        }
        memcpy(CMSG_DATA(&control.header), &log, sizeof(log));
        (void) sendmsg(c->fd, &m, MSG_NOSIGNAL);
        end(c);
}

static void backup(struct connection *c)
{
        struct stat st;

        if (c->passed < 0 || fstat(c->passed, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != 0)
                refuse(c, "InvalidArgument", "A backup goes to a file that is new or empty: pass its descriptor.");
        else
                run_errand(c, work_on_view);
}

static void answer(struct connection *c)
{
        struct store_request r = { 0 };

        switch (c->request.command) {
        case CONTROL_STATUS:
        case CONTROL_METRICS:
                report(c);
                break;
        case CONTROL_ACCOUNTS:
        case CONTROL_INVITATIONS:
                run_errand(c, work_on_view);
                break;
        case CONTROL_LOG:
                pass_log(c);
                break;
        case CONTROL_BACKUP:
                backup(c);
                break;
        case CONTROL_INVITE:
                invite(c);
                break;
        case CONTROL_REVOKE:
                r.operation = STORE_REVOKE;
                memcpy(r.token, c->request.invitation, sizeof(c->request.invitation));
                order(c, &r);
                break;
        case CONTROL_REMOVE:
                r.operation = STORE_DELETE;
                r.name = BYTES_STRING(c->request.name);
                order(c, &r);
                break;
        }
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
                refuse(c, "InvalidArgument", fault);
        else
                answer(c);
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
                refuse(c, "AccessDenied", "Only root and the user that the hub runs as may do that.");
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
