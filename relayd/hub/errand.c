/* See errand.h. */
#include "errand.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "services/thread.h"

struct errand {
        void (*work)(void *userdata);
        void (*done)(void *userdata);
        void *userdata;
        pthread_t thread;
        int finished; /* eventfd */
        sd_event_source *source;
};

static void *run(void *userdata)
{
        struct errand *e = userdata;

        e->work(e->userdata);
        (void) eventfd_write(e->finished, 1);
        return NULL;
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct errand *e = userdata;

        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        e->done(e->userdata);
        return 0;
}

int errand_start(sd_event *event, void (*work)(void *userdata), void (*done)(void *userdata), void *userdata,
                 struct errand **out)
{
        struct errand *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return -ENOMEM;
        *e = (struct errand){ .work = work, .done = done, .userdata = userdata };
        e->finished = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = e->finished < 0 ? -errno : sd_event_add_io(event, &e->source, e->finished, EPOLLIN, on_finished, e);
        if (r >= 0)
                r = thread_start(&e->thread, NULL, run, e);
        if (r < 0) {
                sd_event_source_disable_unref(e->source);
                if (e->finished >= 0)
                        close(e->finished);
                free(e);
                return r;
        }
        *out = e;
        return 0;
}

struct errand *errand_free(struct errand *e)
{
        if (!e)
                return NULL;
        (void) pthread_join(e->thread, NULL);
        sd_event_source_disable_unref(e->source);
        close(e->finished);
        free(e);
        return NULL;
}
