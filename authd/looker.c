/* visavis-looker: the process that has the camera and the networks, for one attempt.
 *
 * authd starts it, hands it a ring for the preview and the checked networks, and gets numbers back (sight_wire.h). It
 * opens the camera, then gives up the file system and nearly every system call (confinement.h), and only then parses
 * networks and decodes pictures. It ends by being killed: it has nothing to put away. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "authd/preview.h"
#include "authd/sight_wire.h"
#include "authd/source.h"
#include "services/cleanup.h"
#include "services/confinement.h"

static const int UNREADABLE_MAX = 50; /* pictures in a row */

struct looker {
        struct sight_order order;
        struct sight_wish wish;
        struct preview *preview;
        struct models models;
        struct vision *vision;
        struct source *source;
};

static uint64_t now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

/* If authd does not come round for many pictures, some are left out. */
static void tell(enum sight_kind kind, int error, const struct observation *o)
{
        struct sight_news news = { .kind = kind, .error = error };

        if (o)
                news.observation = *o;
        (void) send(SIGHT_SOCKET, &news, sizeof(news),
                    MSG_NOSIGNAL | (kind == SIGHT_SEEN || kind == SIGHT_TIME ? MSG_DONTWAIT : 0));
}

static int map_model(int fd, struct bytes *out)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size == 0) { /* the engine has no such model */
                close(fd);
                return 0;
        }
        void *data = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (data == MAP_FAILED)
                return -errno;
        *out = BYTES(data, st.st_size);
        close(fd);
        return 0;
}

static int receive_order(struct looker *l)
{
        union {
                struct cmsghdr header;
                uint8_t bytes[CMSG_SPACE(SIGHT_FDS * sizeof(int))];
        } control;
        struct iovec body = { &l->order, sizeof(l->order) };
        struct msghdr m = {
                .msg_iov = &body, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        int fds[SIGHT_FDS];
        ssize_t n = recvmsg(SIGHT_SOCKET, &m, MSG_CMSG_CLOEXEC);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);

        if (n != sizeof(l->order) || !c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(fds)))
                return -EPROTO;
        memcpy(fds, CMSG_DATA(c), sizeof(fds));
        l->order.camera.path = l->order.path;
        l->models.manifest = l->order.manifest;
        int r = preview_attach(fds[0], &l->preview);

        for (unsigned i = 0; r >= 0 && i < MODEL_COUNT; i++)
                r = map_model(fds[1 + i], &l->models.file[i]);
        return r;
}

/* The newest wish. -EPIPE: authd is gone. */
static int hear(struct looker *l, bool wait)
{
        struct sight_wish wish;
        ssize_t n;

        while ((n = recv(SIGHT_SOCKET, &wish, sizeof(wish), wait ? 0 : MSG_DONTWAIT)) == sizeof(wish)) {
                l->wish = wish;
                wait = false;
        }
        return n < 0 && errno == EAGAIN ? 0 : -EPIPE;
}

static int look(struct looker *l, const struct frame *frame)
{
        struct observation o = { 0 };
        int r = 0;

        if (l->wish.previewed)
                r = preview_show(l->preview, frame, now_usec());
        if (r >= 0)
                r = vision_observe(l->vision, frame, l->wish.wanted, &o);
        if (r >= 0)
                tell(SIGHT_SEEN, 0, &o);
        return r;
}

static int watch(struct looker *l)
{
        struct frame frame = { 0 };
        int unreadable = 0, r;

        while ((r = hear(l, false)) >= 0) {
                r = source_read(l->source, SIGHT_SOCKET, &frame);
                if (r == -EAGAIN) {
                        tell(SIGHT_TIME, 0, NULL);
                        continue;
                }
                if (r == -EBADMSG && ++unreadable < UNREADABLE_MAX)
                        continue;
                if (r >= 0) {
                        unreadable = 0;
                        r = look(l, &frame);
                }
                if (r < 0)
                        return r;
        }
        return r;
}

static int work(struct looker *l)
{
        int r = receive_order(l);

        if (r < 0)
                return r;
        tell(SIGHT_READY, 0, NULL);
        if ((r = hear(l, true)) < 0 || (r = source_open(&l->order.camera, &l->source)) < 0)
                return r;
        r = confine(CONFINED_WITH_SOCKETS | CONFINED_WITH_THREADS |
                    (l->order.camera.kind == CAMERA_V4L2 ? CONFINED_WITH_CAMERA : 0));
        if (r < 0) {
                fprintf(stderr,
                        "visavis-looker cannot confine itself (%s), so it does not look; allow it seccomp(2).\n",
                        strerror(-r));
                return -ECHILD;
        }
        if ((r = vision_new(&l->models, &l->vision)) < 0)
                return r;
        return watch(l);
}

int main(void)
{
        static struct looker looker;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        tell(SIGHT_END, work(&looker), NULL);
        _exit(EXIT_SUCCESS); /* what was seen goes with the process */
}
