#include "cryptod/vault/slot_job.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "cryptod/vault/factor_strength.h"
#include "cryptod/vault/recovery_code.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/thread.h"

/* What the thread works on. It belongs to both sides, and whoever lets go last frees it. */
struct work {
        atomic_int holders;
        struct writer slots, account, label; /* copies */
        struct slot_request request;
        struct writer made;
        unsigned opened;
        struct secret *vault_key, *code;
        int result, finished; /* finished: an eventfd(2) */
};

/* The threads that run. */
static pthread_mutex_t threads_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t threads_fewer = PTHREAD_COND_INITIALIZER;
static unsigned threads;

struct slot_job {
        struct work *work;
        sd_event_source *source;
        slot_job_done done;
        void *userdata;
};

static void work_drop(struct work *w)
{
        if (!w || atomic_fetch_sub(&w->holders, 1) > 1)
                return;
        writer_release(&w->slots);
        writer_release(&w->account);
        writer_release(&w->label);
        writer_release(&w->made);
        secret_free(w->request.face_secret);
        secret_free(w->vault_key);
        secret_free(w->code);
        if (w->request.factor >= 0)
                close(w->request.factor);
        if (w->request.new_factor >= 0)
                close(w->request.new_factor);
        if (w->finished >= 0)
                close(w->finished);
        free(w);
}

static int read_factor(int fd, struct secret **out)
{
        _cleanup_secret_ struct secret *factor = NULL;
        int r = secret_from_fd(fd, FACTOR_SIZE_MAX, true, &factor);

        if (r >= 0 && factor->size < FACTOR_SIZE_MIN)
                r = -EINVAL;
        if (r >= 0)
                *out = TAKE(factor);
        return r;
}

static uint64_t now_usec(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

/* The slot that opened as it should be on this machine by now: with twice the memory, if it took less than half of the
 * time that it may take. If that cannot be made now, it is at a later time: the slot has opened. */
static void raise_costs(struct work *w, const struct slot *s, const struct secret *factor, uint64_t taken)
{
        struct argon2_parameters p = s->parameters;

        p.memory *= 2;
        if (w->request.target_usec == 0 || s->kind == SLOT_RECOVERY || taken > w->request.target_usec / 2 ||
            !argon2_memory_is_there(p.memory))
                return;
        if (slot_make(s->kind, writer_bytes(&w->account), s->label, s->created, &p, w->request.face_secret, factor,
                      w->vault_key, &w->made) < 0)
                writer_release(&w->made);
}

static int open_slots(struct work *w, const struct secret *factor)
{
        _cleanup_secret_ struct secret *code = NULL;
        struct reader r;

        reader_init(&r, writer_bytes(&w->slots));
        for (w->opened = 0; reader_more(&r); w->opened++) {
                uint64_t start = now_usec();
                struct slot s;
                int result = slot_read(&r, &s);

                if (result >= 0 && s.kind == SLOT_RECOVERY && !code)
                        result = recovery_code_read(secret_bytes(factor), &code);
                if (result < 0)
                        return result;
                result = slot_open(&s, writer_bytes(&w->account),
                                   s.kind == SLOT_FACE_AND_FACTOR ? w->request.face_secret : NULL, code ? code : factor,
                                   &w->vault_key);
                if (result >= 0 && !w->request.new_kind)
                        raise_costs(w, &s, factor, now_usec() - start);
                if (result >= 0)
                        return 0;
                if (result != -EKEYREJECTED)
                        return result;
        }
        return -EKEYREJECTED;
}

static int make_slot(struct work *w, const struct secret *old_factor)
{
        struct slot_request *q = &w->request;
        _cleanup_secret_ struct secret *factor = NULL, *code = NULL;
        int r = 0;

        if (q->new_kind == SLOT_RECOVERY)
                code = secret_random(RECOVERY_CODE_SIZE);
        else if (q->new_factor >= 0)
                r = read_factor(q->new_factor, &factor);
        if (r >= 0 && q->new_kind != SLOT_RECOVERY)
                r = factor_strength_check(q->new_kind, factor ? factor : old_factor);
        if (r < 0)
                return r;
        if (q->parameters.memory == 0 && q->new_kind != SLOT_RECOVERY)
                argon2_calibrate(q->target_usec, &q->parameters);
        r = slot_make(q->new_kind, writer_bytes(&w->account), writer_bytes(&w->label), q->created, &q->parameters,
                      q->new_kind == SLOT_FACE_AND_FACTOR ? q->face_secret : NULL,
                      code     ? code
                      : factor ? factor
                               : old_factor,
                      w->vault_key, &w->made);
        if (r >= 0 && code)
                w->code = recovery_code_write(code);
        return r;
}

static void count_thread(bool starts)
{
        pthread_mutex_lock(&threads_mutex);
        threads += starts ? 1U : -1U;
        pthread_cond_broadcast(&threads_fewer);
        pthread_mutex_unlock(&threads_mutex);
}

void slot_job_wait_all(void)
{
        pthread_mutex_lock(&threads_mutex);
        while (threads > 0)
                pthread_cond_wait(&threads_fewer, &threads_mutex);
        pthread_mutex_unlock(&threads_mutex);
}

static void *run(void *userdata)
{
        struct work *w = userdata;
        _cleanup_secret_ struct secret *factor = NULL;

        w->result = read_factor(w->request.factor, &factor);
        if (w->result >= 0 && w->slots.size > 0)
                w->result = open_slots(w, factor);
        else if (w->result >= 0)
                w->vault_key = secret_random(VAULT_KEY_SIZE);
        if (w->result >= 0 && w->request.new_kind)
                w->result = make_slot(w, factor);
        if (w->result < 0)
                w->vault_key = secret_free(w->vault_key);
        factor = secret_free(factor);
        w->request.face_secret = secret_free(w->request.face_secret);
        if (eventfd_write(w->finished, 1) < 0)
                abort(); /* it was zero */
        work_drop(w);
        OPENSSL_thread_stop(); /* what it keeps for this thread */
        count_thread(false);
        return NULL;
}

static int on_finished(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct slot_job *j = userdata;
        struct work *w = j->work;
        struct slot_result result = { 0 };
        eventfd_t count;

        if (eventfd_read(fd, &count) < 0)
                return 0;
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        atomic_fetch_add(&w->holders, 1); /* the callback may free the job */
        result = (struct slot_result){
                .vault_key = TAKE(w->vault_key),
                .opened = w->opened,
                .slot = writer_bytes(&w->made),
                .code = TAKE(w->code),
                .parameters = w->request.parameters,
        };
        j->done(w->result, &result, j->userdata);
        secret_free(result.vault_key);
        secret_free(result.code);
        work_drop(w);
        return 0;
}

static int start_thread(struct work *w)
{
        pthread_attr_t attributes;
        pthread_t thread;
        int r;

        if (pthread_attr_init(&attributes) != 0)
                return -ENOMEM;
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        atomic_fetch_add(&w->holders, 1);
        count_thread(true);
        r = thread_start(&thread, &attributes, run, w);
        if (r < 0) {
                count_thread(false);
                atomic_fetch_sub(&w->holders, 1);
        }
        pthread_attr_destroy(&attributes);
        return r;
}

static int check_slots(struct bytes slots)
{
        struct reader reader;
        struct slot s;
        int r = 0;

        reader_init(&reader, slots);
        while (r >= 0 && reader_more(&reader))
                r = slot_read(&reader, &s);
        return r;
}

int slot_job_start(sd_event *event, const struct slot_request *request, slot_job_done done, void *userdata,
                   struct slot_job **out)
{
        struct slot_job *j = calloc(1, sizeof(*j));
        struct work *w = j ? calloc(1, sizeof(*w)) : NULL;
        int r = 0;

        if (!w)
                abort();
        j->work = w;
        j->done = done;
        j->userdata = userdata;
        atomic_init(&w->holders, 1);
        w->request = *request;
        write_fixed(&w->slots, request->slots);
        write_fixed(&w->account, request->account);
        write_fixed(&w->label, request->label);
        w->request.factor = fcntl(request->factor, F_DUPFD_CLOEXEC, 3);
        if (w->request.factor < 0)
                r = -errno;
        w->request.new_factor = request->new_factor >= 0 ? fcntl(request->new_factor, F_DUPFD_CLOEXEC, 3) : -1;
        if (request->new_factor >= 0 && w->request.new_factor < 0)
                r = -errno;
        w->finished = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (w->finished < 0)
                r = -errno;
        if (r >= 0)
                r = check_slots(request->slots);
        if (r >= 0)
                r = sd_event_add_io(event, &j->source, w->finished, EPOLLIN, on_finished, j);
        if (r >= 0)
                r = start_thread(w);
        if (r < 0) {
                slot_job_free(j);
                return r;
        }
        *out = j;
        return 0;
}

struct slot_job *slot_job_free(struct slot_job *j)
{
        if (!j)
                return NULL;
        sd_event_source_disable_unref(j->source);
        work_drop(j->work);
        free(j);
        return NULL;
}
