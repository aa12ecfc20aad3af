/* See sight.h. */
#include "authd/sight.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "authd/preview.h"
#include "authd/sight_wire.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/memfd.h"

#define PROGRAM "visavis-looker"

enum { END_MSEC = 4000 }; /* a driver may hold a process that is killed */

struct sight {
        const struct camera *camera;
        struct preview *preview;
        struct sight_wish wish;
        bool ready, stopping;
        int error; /* why it ends */
        pid_t pid;
        int process, socket; /* pidfd_open(2) */
        sd_event_source *news, *end;
        const struct sight_events *events;
        void *userdata;
};

static void stop(struct sight *s, int error)
{
        if (s->stopping)
                return;
        s->stopping = true;
        s->error = error;
        (void) sd_event_source_set_enabled(s->news, SD_EVENT_OFF);
        (void) kill(s->pid, SIGKILL);
}

/* @news is valid. */
static void take(struct sight *s, const struct sight_news *news)
{
        int r = 0;

        switch (news->kind) {
        case SIGHT_READY:
                r = s->ready ? -ECHILD : preview_seal(s->preview);
                s->ready = true;
                if (r < 0)
                        stop(s, r);
                else
                        sight_want(s, s->wish.wanted);
                break;
        case SIGHT_TIME:
                break; /* the attempt has a clock of its own */
        case SIGHT_SEEN:
                if (s->ready)
                        s->events->seen(s->userdata, &news->observation);
                else
                        stop(s, -ECHILD);
                break;
        case SIGHT_END:
                stop(s, news->error);
                break;
        }
}

static int on_news(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct sight *s = userdata;
        struct sight_news news;
        ssize_t n = recv(fd, &news, sizeof(news), MSG_DONTWAIT | MSG_TRUNC);

        if (n >= 0 && sight_news_valid(&news, (size_t) n))
                take(s, &news);
        else if (n >= 0 || (errno != EAGAIN && errno != EINTR))
                stop(s, -ECHILD);
        explicit_bzero(&news, sizeof(news));
        return 0;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct sight *s = userdata;
        struct sight_news news;

        /* What it said last tells more than that it has ended. */
        for (ssize_t n; !s->stopping && (n = recv(s->socket, &news, sizeof(news), MSG_DONTWAIT | MSG_TRUNC)) > 0;)
                if (sight_news_valid(&news, (size_t) n) && news.kind == SIGHT_END)
                        take(s, &news);
        explicit_bzero(&news, sizeof(news));
        int error = s->stopping ? s->error : -ECHILD;

        stop(s, error);
        (void) waitpid(s->pid, NULL, 0);
        s->pid = 0;
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        preview_wipe(s->preview);
        s->events->closed(s->userdata, error); /* may free the sight */
        return 0;
}

/* The program is beside this one. */
static int find_program(char out[static PATH_MAX])
{
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

        if (n < 0)
                return -errno;
        self[n] = '\0';
        char *slash = strrchr(self, '/');

        if (!slash)
                return -ENOENT;
        *slash = '\0';
        n = snprintf(out, PATH_MAX, "%s/" PROGRAM, self);
        return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int start_process(struct sight *s, int theirs)
{
        char program[PATH_MAX];
        sigset_t none;
        int r = find_program(program);

        if (r < 0)
                return r;
        sigemptyset(&none);
        s->pid = fork();
        if (s->pid < 0)
                return -errno;
        if (s->pid == 0) {
                sigprocmask(SIG_SETMASK, &none, NULL);
                if (dup2(theirs, SIGHT_SOCKET) == SIGHT_SOCKET &&
                    (theirs != SIGHT_SOCKET || fcntl(SIGHT_SOCKET, F_SETFD, 0) == 0))
                        execl(program, PROGRAM, NULL);
                _exit(127);
        }
        s->process = pidfd_open(s->pid, 0);
        return s->process < 0 ? -errno : 0;
}

static int send_order(struct sight *s, const struct manifest *manifest, const int fds[static SIGHT_FDS])
{
        union {
                struct cmsghdr header;
                uint8_t bytes[CMSG_SPACE(SIGHT_FDS * sizeof(int))];
        } control = { 0 };
        struct sight_order order = { .camera = *s->camera, .manifest = *manifest };
        struct iovec body = { &order, sizeof(order) };
        struct msghdr m = {
                .msg_iov = &body, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);

        if (snprintf(order.path, sizeof(order.path), "%s", s->camera->path) >= (int) sizeof(order.path))
                return -ENAMETOOLONG;
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(SIGHT_FDS * sizeof(int));
        memcpy(CMSG_DATA(c), fds, SIGHT_FDS * sizeof(int));
        return sendmsg(s->socket, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The very bytes that were checked are those that are parsed. */
static int hand_over(struct sight *s, const char *directory, const struct manifest *manifest)
{
        _cleanup_models_ struct models models = { 0 };
        int fds[SIGHT_FDS] = { preview_fd(s->preview) };
        unsigned made = 1;
        int r = models_load(directory, manifest, &models);

        for (; r >= 0 && made < SIGHT_FDS; made++)
                if ((r = memfd_make(models.file[made - 1], &fds[made])) < 0)
                        break;
        if (r >= 0)
                r = send_order(s, manifest, fds);
        while (--made > 0)
                close(fds[made]);
        return r;
}

static int start(struct sight *s, sd_event *event, const char *models, const struct manifest *manifest)
{
        _cleanup_close_ int theirs = -1;
        int pair[2];
        int r = preview_new(&s->preview);

        if (r >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                r = -errno;
        if (r < 0)
                return r;
        s->socket = pair[0];
        theirs = pair[1];
        if ((r = start_process(s, theirs)) < 0 || (r = hand_over(s, models, manifest)) < 0 ||
            (r = sd_event_add_io(event, &s->news, s->socket, EPOLLIN, on_news, s)) < 0 ||
            (r = sd_event_add_io(event, &s->end, s->process, EPOLLIN, on_end, s)) < 0)
                return r;
        return 0;
}

int sight_start(sd_event *event, const struct camera *camera, const char *models, const struct manifest *manifest,
                unsigned wanted, const struct sight_events *events, void *userdata, struct sight **out)
{
        struct sight *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->camera = camera;
        s->events = events;
        s->userdata = userdata;
        s->wish.wanted = wanted;
        s->process = s->socket = -1;
        int r = start(s, event, models, manifest);

        if (r < 0) {
                sight_free(s);
                return r;
        }
        *out = s;
        return 0;
}

void sight_want(struct sight *s, unsigned wanted)
{
        s->wish.wanted = wanted;
        if (s->ready && !s->stopping)
                (void) send(s->socket, &s->wish, sizeof(s->wish), MSG_NOSIGNAL | MSG_DONTWAIT);
}

int sight_preview(struct sight *s, int *out)
{
        int r = s->ready ? preview_open(s->preview, out) : -EAGAIN;

        if (r >= 0) {
                s->wish.previewed = true;
                sight_want(s, s->wish.wanted);
        }
        return r;
}

void sight_stop(struct sight *s)
{
        stop(s, 0);
}

struct sight *sight_free(struct sight *s)
{
        if (!s)
                return NULL;
        if (s->pid > 0) {
                struct pollfd end = { .fd = s->process, .events = POLLIN };

                (void) kill(s->pid, SIGKILL);
                if (s->process < 0 || poll(&end, 1, END_MSEC) > 0)
                        (void) waitpid(s->pid, NULL, 0);
                else
                        log_warning("The driver of the camera %s does not answer; it is left behind.", s->camera->name);
        }
        sd_event_source_disable_unref(s->news);
        sd_event_source_disable_unref(s->end);
        if (s->process >= 0)
                close(s->process);
        if (s->socket >= 0)
                close(s->socket);
        preview_free(s->preview);
        free(s);
        return NULL;
}
