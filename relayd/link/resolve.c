/* See resolve.h.
 *
 * The question is shared with the thread, which may outlive its asker: the last of the two to let go frees it. */
#include "resolve.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "services/cleanup.h"
#include "services/thread.h"

struct question {
        atomic_int holders;
        int ready; /* eventfd, written by the thread when the answer stands below */
        char host[256], port[6];
        int error;
        struct addrinfo *addresses;
};

struct resolve {
        struct question *question;
        sd_event_source *source;
        resolve_done done;
        void *userdata;
};

static void question_release(struct question *q)
{
        if (atomic_fetch_sub(&q->holders, 1) > 1)
                return;
        if (q->addresses)
                freeaddrinfo(q->addresses);
        close(q->ready);
        free(q);
}

static void *ask(void *userdata)
{
        static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
        static const struct addrinfo numeric = { .ai_socktype = SOCK_STREAM,
                                                 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
        struct question *q = userdata;
        uint64_t one = 1;

        /* AI_ADDRCONFIG would leave out ::1 and 127.0.0.1 on a machine that has nothing but loopback. */
        q->error = getaddrinfo(q->host, q->port, &numeric, &q->addresses);
        if (q->error == EAI_NONAME)
                q->error =
                        getaddrinfo(q->host, q->port, strcmp(q->host, "localhost") == 0 ? NULL : &hints, &q->addresses);
        if (q->error != 0)
                q->addresses = NULL;
        (void) !write(q->ready, &one, sizeof(one));
        question_release(q);
        return NULL;
}

static int on_ready(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct resolve *r = userdata;
        int error = r->question->error;

        r->source = sd_event_source_disable_unref(r->source);
        r->done(r->userdata, error, TAKE(r->question->addresses));
        return 0;
}

static int start_thread(struct question *q)
{
        pthread_attr_t attributes;
        pthread_t thread;

        (void) pthread_attr_init(&attributes);
        (void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        atomic_fetch_add(&q->holders, 1);
        int r = thread_start(&thread, &attributes, ask, q);

        (void) pthread_attr_destroy(&attributes);
        if (r < 0)
                question_release(q);
        return r;
}

int resolve_start(sd_event *event, const char *host, uint16_t port, resolve_done done, void *userdata,
                  struct resolve **out)
{
        struct question *q = calloc(1, sizeof(*q));
        struct resolve *r = calloc(1, sizeof(*r));

        if (!q || !r || (q->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
                free(q);
                free(r);
                return -ENOMEM;
        }
        q->holders = 1;
        (void) snprintf(q->host, sizeof(q->host), "%s", host);
        (void) snprintf(q->port, sizeof(q->port), "%u", port);
        *r = (struct resolve){ .question = q, .done = done, .userdata = userdata };
        int error = sd_event_add_io(event, &r->source, q->ready, EPOLLIN, on_ready, r);

        if (error >= 0)
                error = start_thread(q);
        if (error < 0) {
                resolve_free(r);
                return error;
        }
        *out = r;
        return 0;
}

struct resolve *resolve_free(struct resolve *r)
{
        if (!r)
                return NULL;
        sd_event_source_disable_unref(r->source);
        question_release(r->question);
        free(r);
        return NULL;
}
