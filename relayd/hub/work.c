/* See work.h. */
#include "work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

enum {
        BATCH_JOBS = 512,                     /* of one batch */
        BATCH_BYTES = 4 * 1024 * 1024,        /* of one batch, about */
        BATCH_CHUNK_BYTES = 2 * 1024 * 1024,  /* of them for chunks of files, so that messages get by */
        QUEUE_BYTES = 32 * 1024 * 1024,       /* of what waits for the next batches; then no session is read from */
        CHUNK_QUEUE_BYTES = 16 * 1024 * 1024, /* of chunks that wait; then no session is read from that has put one */
};

/* Jobs that wait for a batch. */
struct queue {
        struct job *first, **last;
        size_t bytes;
};

struct batch {
        struct job *jobs[BATCH_JOBS];
        struct store_request *requests[BATCH_JOBS];
        unsigned count;
};

struct work {
        struct store *store;
        const struct work_handlers *handlers;
        void *userdata;
        sd_event_source *turn;
        struct committer *committer;
        struct queue jobs, chunks;
        struct batch batches[2], *running; /* while one is being run, the other's answers are given out */
        struct store_limits limits;
        bool limits_changed;
        bool held; /* somebody waits to be told that the queue has shrunk */
};

int job_new(struct session *s, const struct frame *frame, struct job **out)
{
        struct job *j = malloc(sizeof(*j) + frame->body.size);

        if (!j)
                return -ENOMEM;
        *j = (struct job){
                .session = s, .type = frame->type, .request = frame->request, .body_size = frame->body.size
        };
        if (frame->body.size > 0)
                memcpy(j->body, frame->body.data, frame->body.size);
        *out = j;
        return 0;
}

void job_free(struct job *j)
{
        if (!j)
                return;
        store_request_release(&j->store);
        free(j->entry);
        free(j);
}

/* What a batch holds of a job in memory: a room's answer may be as large as a message. */
static size_t weight_of(const struct job *j)
{
        return j->body_size + (j->store.operation == STORE_FETCH_ROOM ? WIRE_PAYLOAD_MAX : 0);
}

/* Takes jobs of about @most bytes out of a queue for the next batch. */
static void fill(struct batch *b, struct queue *q, size_t most)
{
        size_t weight = 0;

        while (q->first && b->count < BATCH_JOBS && weight < most) {
                struct job *j = q->first;

                q->first = j->next;
                q->bytes -= j->body_size;
                weight += weight_of(j);
                b->requests[b->count] = &j->store;
                b->jobs[b->count++] = j;
        }
        if (!q->first)
                q->last = &q->first;
}

static void run(struct work *w)
{
        if (committer_is_busy(w->committer))
                return;
        fill(w->running, &w->chunks, BATCH_CHUNK_BYTES);
        fill(w->running, &w->jobs, BATCH_BYTES);
        if (w->limits_changed)
                store_set_limits(w->store, &w->limits);
        w->limits_changed = false;
        if (w->running->count > 0)
                committer_run(w->committer, w->running->requests, w->running->count);
}

static void empty(struct batch *b)
{
        for (unsigned i = 0; i < b->count; i++)
                job_free(b->jobs[i]);
        b->count = 0;
}

/* The next batch goes first, so that the committer does not wait for the answers of this one. */
static void on_committed(void *userdata)
{
        struct work *w = userdata;
        struct batch *done = w->running;

        w->running = &w->batches[done == &w->batches[0]];
        run(w);
        for (unsigned i = 0; i < done->count; i++)
                w->handlers->done(w->userdata, done->jobs[i]);
        empty(done);
        if (w->held && !work_is_full(w, true)) {
                w->held = false;
                w->handlers->drained(w->userdata);
        }
}

static int on_turn(sd_event_source *source, void *userdata)
{
        run(userdata);
        return 0;
}

void work_submit(struct work *w, struct job *j)
{
        struct queue *q = j->store.operation == STORE_PUT_CHUNK ? &w->chunks : &w->jobs;

        j->next = NULL;
        *q->last = j;
        q->last = &j->next;
        q->bytes += j->body_size;
        (void) sd_event_source_set_enabled(w->turn, SD_EVENT_ONESHOT);
}

static void forget(struct job *j, const struct session *s, const void *owner)
{
        if (s && j->session == s)
                j->session = NULL;
        if (owner && j->userdata == owner)
                j->done = NULL;
}

static void forget_all(struct work *w, const struct session *s, const void *owner)
{
        for (unsigned i = 0; i < COUNT_OF(w->batches); i++) {
                for (unsigned k = 0; k < w->batches[i].count; k++)
                        forget(w->batches[i].jobs[k], s, owner);
        }
        for (struct job *j = w->jobs.first; j; j = j->next)
                forget(j, s, owner);
        for (struct job *j = w->chunks.first; j; j = j->next)
                forget(j, s, owner);
}

void work_forget_session(struct work *w, const struct session *s)
{
        forget_all(w, s, NULL);
}

void work_forget_owner(struct work *w, const void *userdata)
{
        forget_all(w, NULL, userdata);
}

bool work_is_full(struct work *w, bool putting)
{
        bool full = work_queued(w) >= QUEUE_BYTES || (putting && w->chunks.bytes >= CHUNK_QUEUE_BYTES);

        w->held = w->held || full;
        return full;
}

void work_set_limits(struct work *w, const struct store_limits *limits)
{
        w->limits = *limits;
        w->limits_changed = true;
}

size_t work_queued(const struct work *w)
{
        return w->jobs.bytes + w->chunks.bytes;
}

struct committer_figures work_figures(const struct work *w)
{
        return committer_figures(w->committer);
}

int work_new(sd_event *event, struct store *store, const struct work_handlers *handlers, void *userdata,
             struct work **out)
{
        struct work *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        w->store = store;
        w->handlers = handlers;
        w->userdata = userdata;
        w->jobs.last = &w->jobs.first;
        w->chunks.last = &w->chunks.first;
        w->running = &w->batches[0];
        r = committer_new(event, store, on_committed, w, &w->committer);
        if (r >= 0)
                r = sd_event_add_defer(event, &w->turn, on_turn, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->turn, SD_EVENT_OFF);
        if (r >= 0) /* after all that is there to be read */
                r = sd_event_source_set_priority(w->turn, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r < 0) {
                work_free(w);
                return r;
        }
        *out = w;
        return 0;
}

static void drop(struct queue *q)
{
        while (q->first) {
                struct job *j = q->first;

                q->first = j->next;
                job_free(j);
        }
}

struct work *work_free(struct work *w)
{
        if (!w)
                return NULL;
        w->committer = committer_free(w->committer);
        empty(&w->batches[0]);
        empty(&w->batches[1]);
        drop(&w->jobs);
        drop(&w->chunks);
        sd_event_source_disable_unref(w->turn);
        free(w);
        return NULL;
}
