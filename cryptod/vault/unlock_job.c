#include "cryptod/vault/unlock_job.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "services/cleanup.h"

/* What the thread works on. It belongs to both sides, and whoever lets go last frees it. */
struct work {
        atomic_int holders;
        struct writer slot, account; /* copies */
        struct secret *face_secret, *factor, *vault_key;
        int result, finished; /* finished: an eventfd(2) */
};

struct unlock_job {
        struct work *work;
        sd_event_source *source;
        unlock_job_done done;
        void *userdata;
};

static void work_drop(struct work *w)
{
        if (!w || atomic_fetch_sub(&w->holders, 1) > 1)
                return;
        writer_release(&w->slot);
        writer_release(&w->account);
        secret_free(w->face_secret);
        secret_free(w->factor);
        secret_free(w->vault_key);
        if (w->finished >= 0)
                close(w->finished);
        free(w);
}

static void *run(void *userdata)
{
        struct work *w = userdata;
        struct reader r;
        struct slot s;

        reader_init(&r, writer_bytes(&w->slot));
        w->result = slot_read(&r, &s);
        if (w->result >= 0)
                w->result = slot_open(&s, writer_bytes(&w->account), w->face_secret, w->factor, &w->vault_key);
        w->face_secret = secret_free(w->face_secret);
        w->factor = secret_free(w->factor);
        if (eventfd_write(w->finished, 1) < 0)
                abort(); /* it was zero */
        work_drop(w);
        return NULL;
}

static int on_finished(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct unlock_job *j = userdata;
        eventfd_t count;

        if (eventfd_read(fd, &count) < 0)
                return 0;
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        j->done(j->work->result, TAKE(j->work->vault_key), j->userdata); /* may free the job */
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

int unlock_job_start(sd_event *event, struct bytes slot, struct bytes account, struct secret *face_secret,
                     struct secret *factor, unlock_job_done done, void *userdata, struct unlock_job **out)
{
        struct unlock_job *j = calloc(1, sizeof(*j));
        struct reader reader;
        struct slot s;
        int r;

        if (!j || !(j->work = calloc(1, sizeof(*j->work))))
                abort();
        atomic_init(&j->work->holders, 1);
        j->done = done;
        j->userdata = userdata;
        j->work->face_secret = face_secret;
        j->work->factor = factor;
        write_fixed(&j->work->slot, slot);
        write_fixed(&j->work->account, account);
        j->work->finished = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        reader_init(&reader, slot);
        r = j->work->finished < 0 ? -errno : slot_read(&reader, &s);
        if (r >= 0)
                r = sd_event_add_io(event, &j->source, j->work->finished, EPOLLIN, on_finished, j);
        if (r >= 0)
                r = start_thread(j->work);
        if (r < 0) {
                unlock_job_free(j);
                return r;
        }
        *out = j;
        return 0;
}

struct unlock_job *unlock_job_free(struct unlock_job *j)
{
        if (!j)
                return NULL;
        sd_event_source_disable_unref(j->source);
        work_drop(j->work);
        free(j);
        return NULL;
}
