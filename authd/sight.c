/* See sight.h. */
#include "authd/sight.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "authd/preview.h"
#include "authd/source.h"
#include "services/cleanup.h"
#include "services/log.h"

enum { QUEUE_MAX = 8, JOIN_SECONDS = 4 };
static const int UNREADABLE_MAX = 50; /* pictures in a row */

/* What both threads hold; whoever lets go last frees it. */
struct shared {
        atomic_int holders;
        const struct camera *camera;
        const struct models *models;
        atomic_uint wanted;
        atomic_bool stopping, previewed;
        struct preview *preview; /* written by the thread alone */
        int stop, news;          /* eventfd(2)s: to the thread, and from it */
        pthread_mutex_t lock;
        struct observation queue[QUEUE_MAX]; /* by the lock, as all below */
        unsigned first, count;
        bool closed;
        int error;
};

struct sight {
        struct shared *shared;
        pthread_t thread;
        bool started;
        sd_event_source *source;
        const struct sight_events *events;
        void *userdata;
};

static void let_go(struct shared *s)
{
        if (atomic_fetch_sub(&s->holders, 1) > 1)
                return;
        preview_free(s->preview);
        if (s->stop >= 0)
                close(s->stop);
        if (s->news >= 0)
                close(s->news);
        pthread_mutex_destroy(&s->lock);
        explicit_bzero(s->queue, sizeof(s->queue));
        free(s);
}

static void ring(int fd)
{
        (void) eventfd_write(fd, 1); /* it fails when 2^64 - 2 were not heard */
}

static uint64_t now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

/* A full queue means that the loop has not come round for many pictures; then this one is left out. */
static void tell(struct shared *s, const struct observation *o)
{
        pthread_mutex_lock(&s->lock);
        if (s->count < QUEUE_MAX)
                s->queue[(s->first + s->count++) % QUEUE_MAX] = *o;
        pthread_mutex_unlock(&s->lock);
        ring(s->news);
}

static int look(struct shared *s, struct vision *vision, const struct frame *frame)
{
        struct observation o = { 0 };

        if (atomic_load(&s->previewed)) {
                int r = preview_show(s->preview, frame, now_usec());

                if (r < 0)
                        return r;
        }
        int r = vision_observe(vision, frame, atomic_load(&s->wanted), &o);

        if (r >= 0)
                tell(s, &o);
        explicit_bzero(&o, sizeof(o));
        return r;
}

static int watch(struct shared *s, struct vision *vision, struct source *source)
{
        _cleanup_frame_ struct frame frame = { 0 };
        int unreadable = 0;

        while (!atomic_load(&s->stopping)) {
                int r = source_read(source, s->stop, &frame);

                if (r == -EAGAIN) {
                        ring(s->news); /* so that the loop sees time pass */
                        continue;
                }
                if (r == -EBADMSG && ++unreadable < UNREADABLE_MAX)
                        continue;
                if (r >= 0) {
                        unreadable = 0;
                        r = look(s, vision, &frame);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int work(struct shared *s)
{
        _cleanup_vision_ struct vision *vision = NULL;
        struct source *source = NULL;
        int r = vision_new(s->models, &vision);

        if (r >= 0 && !atomic_load(&s->stopping))
                r = source_open(s->camera, &source);
        if (r >= 0 && source)
                r = watch(s, vision, source);
        source_close(source);
        return r;
}

static void *run(void *userdata)
{
        struct shared *s = userdata;
        int r = work(s);

        preview_wipe(s->preview);
        pthread_mutex_lock(&s->lock);
        s->closed = true;
        s->error = atomic_load(&s->stopping) ? 0 : r;
        pthread_mutex_unlock(&s->lock);
        ring(s->news);
        let_go(s);
        return NULL;
}

static bool next_news(struct shared *s, struct observation *out)
{
        bool any;

        pthread_mutex_lock(&s->lock);
        any = s->count > 0;
        if (any) {
                *out = s->queue[s->first];
                explicit_bzero(&s->queue[s->first], sizeof(s->queue[0]));
                s->first = (s->first + 1) % QUEUE_MAX;
                s->count--;
        }
        pthread_mutex_unlock(&s->lock);
        return any;
}

static int on_news(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct sight *s = userdata;
        struct observation o;
        eventfd_t count;

        if (eventfd_read(fd, &count) < 0)
                return 0;
        while (!atomic_load(&s->shared->stopping) && next_news(s->shared, &o))
                s->events->seen(s->userdata, &o);
        explicit_bzero(&o, sizeof(o));

        pthread_mutex_lock(&s->shared->lock);
        bool closed = s->shared->closed;
        int error = s->shared->error;
        pthread_mutex_unlock(&s->shared->lock);
        if (closed)
                s->events->closed(s->userdata, error); /* may free the sight */
        return 0;
}

static int shared_new(const struct camera *camera, const struct models *models, unsigned wanted, struct shared **out)
{
        struct shared *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        atomic_init(&s->holders, 1);
        atomic_init(&s->wanted, wanted);
        s->camera = camera;
        s->models = models;
        pthread_mutex_init(&s->lock, NULL);
        s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        s->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int r = s->stop < 0 || s->news < 0 ? -errno : preview_new(&s->preview);

        if (r < 0) {
                let_go(s);
                return r;
        }
        *out = s;
        return 0;
}

int sight_start(sd_event *event, const struct camera *camera, const struct models *models, unsigned wanted,
                const struct sight_events *events, void *userdata, struct sight **out)
{
        struct sight *s = calloc(1, sizeof(*s));
        int r = s ? shared_new(camera, models, wanted, &s->shared) : -ENOMEM;

        if (r >= 0) {
                s->events = events;
                s->userdata = userdata;
                r = sd_event_add_io(event, &s->source, s->shared->news, EPOLLIN, on_news, s);
        }
        if (r >= 0) {
                atomic_fetch_add(&s->shared->holders, 1);
                r = -pthread_create(&s->thread, NULL, run, s->shared);
                s->started = r == 0;
                if (r < 0)
                        let_go(s->shared);
        }
        if (r < 0) {
                sight_free(s);
                return r;
        }
        *out = s;
        return 0;
}

void sight_want(struct sight *s, unsigned wanted)
{
        atomic_store(&s->shared->wanted, wanted);
}

int sight_preview(struct sight *s, int *out)
{
        int r = preview_open(s->shared->preview, out);

        if (r >= 0)
                atomic_store(&s->shared->previewed, true);
        return r;
}

void sight_stop(struct sight *s)
{
        atomic_store(&s->shared->stopping, true);
        ring(s->shared->stop);
}

struct sight *sight_free(struct sight *s)
{
        struct timespec until;

        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->source);
        if (s->started) {
                sight_stop(s);
                clock_gettime(CLOCK_REALTIME, &until);
                until.tv_sec += JOIN_SECONDS;
                if (pthread_timedjoin_np(s->thread, NULL, &until) != 0) {
                        log_warning("The driver of the camera %s does not answer; it is left behind.",
                                    s->shared->camera->name);
                        pthread_detach(s->thread);
                }
        }
        if (s->shared)
                let_go(s->shared);
        free(s);
        return NULL;
}
