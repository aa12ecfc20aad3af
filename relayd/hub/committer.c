/* See committer.h. */
#include "committer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "services/cleanup.h"
#include "services/thread.h"

struct committer {
        struct store *store;
        sd_event_source *source;
        int finished; /* eventfd: a batch is done */
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t wake;
        struct store_request *const *requests; /* under the lock: NULL when there is nothing to do */
        unsigned count;
        bool stopping;
        bool busy; /* of the loop alone, as is what follows */
        struct committer_figures figures;
        uint64_t started;
        void (*done)(void *userdata);
        void *userdata;
};

static uint64_t now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static void *work(void *userdata)
{
        struct committer *c = userdata;

        (void) pthread_mutex_lock(&c->lock);
        while (c->requests || !c->stopping) {
                if (!c->requests) {
                        (void) pthread_cond_wait(&c->wake, &c->lock);
                        continue;
                }
                (void) pthread_mutex_unlock(&c->lock);
                (void) store_run(c->store, c->requests, c->count); /* each request has its result */
                (void) pthread_mutex_lock(&c->lock);
                c->requests = NULL;
                (void) eventfd_write(c->finished, 1);
        }
        (void) pthread_mutex_unlock(&c->lock);
        return NULL;
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct committer *c = userdata;
        uint64_t took = now_usec() - c->started;
        eventfd_t count;

        if (eventfd_read(fd, &count) < 0)
                return 0;
        c->busy = false;
        c->figures.usec += took;
        if (took > c->figures.usec_longest)
                c->figures.usec_longest = took;
        c->done(c->userdata);
        return 0;
}

int committer_new(sd_event *event, struct store *store, void (*done)(void *userdata), void *userdata,
                  struct committer **out)
{
        struct committer *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->store = store;
        c->done = done;
        c->userdata = userdata;
        (void) pthread_mutex_init(&c->lock, NULL);
        (void) pthread_cond_init(&c->wake, NULL);
        c->finished = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        r = c->finished < 0 ? -errno : sd_event_add_io(event, &c->source, c->finished, EPOLLIN, on_finished, c);
        if (r >= 0)
                r = thread_start(&c->thread, NULL, work, c);
        if (r < 0) {
                sd_event_source_disable_unref(c->source);
                if (c->finished >= 0)
                        close(c->finished);
                free(c);
                return r;
        }
        *out = c;
        return 0;
}

struct committer *committer_free(struct committer *c)
{
        if (!c)
                return NULL;
        (void) pthread_mutex_lock(&c->lock);
        c->stopping = true;
        (void) pthread_cond_signal(&c->wake);
        (void) pthread_mutex_unlock(&c->lock);
        (void) pthread_join(c->thread, NULL);
        (void) pthread_cond_destroy(&c->wake);
        (void) pthread_mutex_destroy(&c->lock);
        sd_event_source_disable_unref(c->source);
        close(c->finished);
        free(c);
        return NULL;
}

void committer_run(struct committer *c, struct store_request *const *requests, unsigned count)
{
        assert(!c->busy && count > 0);
        c->busy = true;
        c->started = now_usec();
        c->figures.batches++;
        c->figures.requests += count;
        (void) pthread_mutex_lock(&c->lock);
        c->requests = requests;
        c->count = count;
        (void) pthread_cond_signal(&c->wake);
        (void) pthread_mutex_unlock(&c->lock);
}

bool committer_is_busy(const struct committer *c)
{
        return c->busy;
}

struct committer_figures committer_figures(const struct committer *c)
{
        return c->figures;
}
