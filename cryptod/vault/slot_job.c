#include "cryptod/vault/slot_job.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "services/cleanup.h"
#include "services/seal.h"

/* What the thread works on. It belongs to both sides, and whoever lets go last frees it. */
struct work {
        atomic_int holders;
        struct writer slot, account; /* copies; the slot is replaced by the one that is made */
        struct slot_request request; /* its views point into them */
        struct secret *vault_key;
        int result, finished; /* finished: an eventfd(2) */
};

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
        writer_release(&w->slot);
        writer_release(&w->account);
        secret_free(w->request.face_secret);
        secret_free(w->vault_key);
        if (w->request.factor >= 0)
                close(w->request.factor);
        if (w->finished >= 0)
                close(w->finished);
        free(w);
}

static int open_slot(struct work *w, const struct secret *factor)
{
        struct reader r;
        struct slot s;
        int result;

        reader_init(&r, writer_bytes(&w->slot));
        result = slot_read(&r, &s);
        return result < 0 ? result
                          : slot_open(&s, writer_bytes(&w->account), w->request.face_secret, factor, &w->vault_key);
}

static int make_slot(struct work *w, const struct secret *factor)
{
        _cleanup_secret_ struct secret *key = secret_random(VAULT_KEY_SIZE);
        int result;

        if (w->request.parameters.memory == 0)
                argon2_calibrate(w->request.target_usec, &w->request.parameters);
        result = slot_make(writer_bytes(&w->account), BYTES(NULL, 0), w->request.created, &w->request.parameters,
                           w->request.face_secret, factor, key, &w->slot);
        if (result >= 0)
                w->vault_key = TAKE(key);
        return result;
}

static void *run(void *userdata)
{
        struct work *w = userdata;
        _cleanup_secret_ struct secret *factor = NULL;

        w->result = secret_from_fd(w->request.factor, FACTOR_SIZE_MAX, true, &factor);
        if (w->result >= 0 && factor->size < FACTOR_SIZE_MIN)
                w->result = -EINVAL;
        if (w->result >= 0)
                w->result = w->slot.size > 0 ? open_slot(w, factor) : make_slot(w, factor);
        factor = secret_free(factor);
        w->request.face_secret = secret_free(w->request.face_secret);
        if (eventfd_write(w->finished, 1) < 0)
                abort(); /* it was zero */
        work_drop(w);
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
        result = (struct slot_result){ TAKE(w->vault_key), writer_bytes(&w->slot), w->request.parameters };
        j->done(w->result, &result, j->userdata);
        secret_free(result.vault_key);
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
        r = pthread_create(&thread, &attributes, run, w);
        if (r != 0)
                atomic_fetch_sub(&w->holders, 1);
        pthread_attr_destroy(&attributes);
        return -r;
}

static int check_slot(struct bytes slot)
{
        struct reader reader;
        struct slot s;

        if (slot.size == 0)
                return 0;
        reader_init(&reader, slot);
        return slot_read(&reader, &s);
}

int slot_job_start(sd_event *event, const struct slot_request *request, slot_job_done done, void *userdata,
                   struct slot_job **out)
{
        struct slot_job *j = calloc(1, sizeof(*j));
        struct work *w = j ? calloc(1, sizeof(*w)) : NULL;
        int r;

        if (!w)
                abort();
        j->work = w;
        j->done = done;
        j->userdata = userdata;
        atomic_init(&w->holders, 1);
        w->request = *request;
        write_fixed(&w->slot, request->slot);
        write_fixed(&w->account, request->account);
        w->request.factor = fcntl(request->factor, F_DUPFD_CLOEXEC, 3);
        w->finished = w->request.factor < 0 ? -errno : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = w->request.factor < 0 ? w->finished : w->finished < 0 ? -errno : check_slot(request->slot);
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
