/* See chunk_line.h. */
#include "cryptod/files/chunk_line.h"

#include <openssl/crypto.h>
#include <pthread.h>

#include "services/thread.h"

struct line {
        const struct chunk_steps *steps;
        void *userdata;

        pthread_mutex_t reading; /* for the next two, and held while one reads */
        uint64_t unread;         /* the next chunk to be read */
        bool all_read;

        pthread_mutex_t mutex; /* for what follows */
        pthread_cond_t turned;
        uint64_t turn; /* the next chunk to be written */
        bool failed;
        int result; /* of the first that failed */
};

struct lane {
        struct line *line;
        unsigned index;
};

struct taken {
        uint64_t number;
        bool last;
        int result; /* so far */
};

static bool has_failed(struct line *l)
{
        bool failed;

        pthread_mutex_lock(&l->mutex);
        failed = l->failed;
        pthread_mutex_unlock(&l->mutex);
        return failed;
}

/* The next chunk; false if there is none. */
static bool take(struct lane *lane, struct taken *out)
{
        struct line *l = lane->line;
        bool more;

        pthread_mutex_lock(&l->reading);
        more = !l->all_read && !has_failed(l);
        if (more) {
                *out = (struct taken){ .number = l->unread++ };
                out->result = l->steps->read(l->userdata, lane->index, out->number, &out->last);
                l->all_read = out->last || out->result != 0;
        }
        pthread_mutex_unlock(&l->reading);
        return more;
}

/* Waits until all chunks before @number are written; false if one of them failed. */
static bool wait_for_turn(struct line *l, uint64_t number)
{
        bool failed;

        pthread_mutex_lock(&l->mutex);
        while (l->turn != number && !l->failed)
                pthread_cond_wait(&l->turned, &l->mutex);
        failed = l->failed;
        pthread_mutex_unlock(&l->mutex);
        return !failed;
}

static void end_turn(struct line *l, int result)
{
        pthread_mutex_lock(&l->mutex);
        l->turn++;
        l->failed = result != 0;
        l->result = result;
        pthread_cond_broadcast(&l->turned);
        pthread_mutex_unlock(&l->mutex);
}

static void pass(struct lane *lane, struct taken *t)
{
        struct line *l = lane->line;

        if (t->result == 0)
                t->result = l->steps->work(l->userdata, lane->index, t->number, t->last);
        if (!wait_for_turn(l, t->number))
                return;
        if (t->result == 0)
                t->result = l->steps->write(l->userdata, lane->index, t->number);
        end_turn(l, t->result);
}

static void pass_all(struct lane *lane)
{
        struct taken t;

        while (take(lane, &t))
                pass(lane, &t);
}

static void *help(void *userdata)
{
        pass_all(userdata);
        OPENSSL_thread_stop(); /* what it keeps for this thread */
        return NULL;
}

int chunk_line_run(const struct chunk_steps *steps, void *userdata, uint64_t first)
{
        struct line l = { .steps = steps,
                          .userdata = userdata,
                          .reading = PTHREAD_MUTEX_INITIALIZER,
                          .unread = first,
                          .mutex = PTHREAD_MUTEX_INITIALIZER,
                          .turned = PTHREAD_COND_INITIALIZER,
                          .turn = first };
        struct lane lanes[CHUNK_LINE_LANES];
        pthread_t helpers[CHUNK_LINE_LANES];
        unsigned started = 1; /* the first is this thread */
        struct taken t;

        for (unsigned i = 0; i < CHUNK_LINE_LANES; i++)
                lanes[i] = (struct lane){ &l, i };
        (void) take(&lanes[0], &t);
        if (!l.all_read)
                while (started < CHUNK_LINE_LANES && thread_start(&helpers[started], NULL, help, &lanes[started]) >= 0)
                        started++;
        pass(&lanes[0], &t);
        pass_all(&lanes[0]);
        while (--started > 0)
                pthread_join(helpers[started], NULL);
        return l.result;
}
