/* See file_job.h. */
#include "cryptod/files/file_job.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include "cryptod/files/copy_stream.h"
#include "cryptod/files/legacy_stream.h"
#include "services/cleanup.h"
#include "services/thread.h"

/* What the thread works on. It belongs to both sides, and whoever lets go last frees it. */
struct work {
        atomic_int holders;
        struct work *next; /* of those whose thread runs */
        enum file_action action;
        uid_t uid;
        uint64_t offset, size;
        struct sealed_stream *stream; /* for a sealed file */
        struct legacy_stream *legacy; /* for a legacy envelope */
        struct copy_stream *copy;     /* for what is copied */
        bool authenticated;
        int result, finished; /* finished: an eventfd(2) */
};

struct file_job {
        struct work *work;
        sd_event_source *source;
        file_job_done done;
        void *userdata;
};

static pthread_mutex_t running_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t running_fewer = PTHREAD_COND_INITIALIZER;
static struct work *running;

static void work_drop(struct work *w)
{
        if (!w || atomic_fetch_sub(&w->holders, 1) > 1)
                return;
        sealed_stream_free(w->stream);
        legacy_stream_free(w->legacy);
        copy_stream_free(w->copy);
        cleanup_close(&w->finished);
        free(w);
}

/* -EBUSY if it would be one too many. */
static int running_add(struct work *w)
{
        unsigned all = 0, own = 0;
        int r = 0;

        pthread_mutex_lock(&running_mutex);
        for (struct work *other = running; other; other = other->next) {
                all++;
                own += other->uid == w->uid;
        }
        if (all >= FILE_JOBS || own >= FILE_JOBS_OF_USER) {
                r = -EBUSY;
        } else {
                w->next = running;
                running = w;
        }
        pthread_mutex_unlock(&running_mutex);
        return r;
}

static void running_remove(struct work *w)
{
        struct work **p = &running;

        pthread_mutex_lock(&running_mutex);
        while (*p != w)
                p = &(*p)->next;
        *p = w->next;
        pthread_cond_broadcast(&running_fewer);
        pthread_mutex_unlock(&running_mutex);
}

void file_job_wait_all(void)
{
        struct timespec until;

        (void) clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        pthread_mutex_lock(&running_mutex);
        while (running && pthread_cond_timedwait(&running_fewer, &running_mutex, &until) != ETIMEDOUT)
                ;
        pthread_mutex_unlock(&running_mutex);
}

static int act(struct work *w)
{
        int r;

        switch (w->action) {
        case FILE_SEAL:
                return sealed_stream_seal(w->stream);
        case FILE_OPEN:
                return sealed_stream_open(w->stream, w->offset);
        case FILE_SEND:
                r = sealed_stream_seal(w->stream);
                return r < 0 ? r : sealed_stream_pad(w->stream);
        case FILE_RECEIVE:
                sealed_stream_expect(w->stream, w->size);
                return sealed_stream_open(w->stream, w->offset);
        case FILE_COPY:
                return copy_stream_run(w->copy);
        case FILE_SEAL_LEGACY:
                return legacy_stream_seal(w->legacy);
        default:
                return legacy_stream_open(w->legacy, &w->authenticated);
        }
}

static void *run(void *userdata)
{
        struct work *w = userdata;

        w->result = act(w);
        if (eventfd_write(w->finished, 1) < 0)
                abort();       /* it was zero */
        OPENSSL_thread_stop(); /* what it keeps for this thread */
        running_remove(w);
        work_drop(w); /* if the job was freed, its keys are gone already */
        return NULL;
}

static int on_finished(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct file_job *j = userdata;
        struct work *w = j->work;
        eventfd_t count;

        if (eventfd_read(fd, &count) < 0)
                return 0;
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        j->done(w->result, w->authenticated, j->userdata); /* may free the job */
        return 0;
}

static int start_thread(struct work *w)
{
        pthread_attr_t attributes;
        pthread_t thread;
        int r = running_add(w);

        if (r < 0)
                return r;
        if (pthread_attr_init(&attributes) != 0)
                abort();
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        atomic_fetch_add(&w->holders, 1);
        r = thread_start(&thread, &attributes, run, w);
        if (r < 0) {
                running_remove(w);
                atomic_fetch_sub(&w->holders, 1);
        }
        pthread_attr_destroy(&attributes);
        return r;
}

void file_request_release(struct file_request *q)
{
        q->file = sealed_file_free(q->file);
        writer_release(&q->head);
        q->wrapping_key = secret_free(q->wrapping_key);
        q->cover_key = cover_key_free(q->cover_key);
}

/* A new file under a message's key. */
static void begin_message_file(struct file_request *q)
{
        uint8_t header[SEALED_FILE_HEADER_SIZE];

        q->file = sealed_file_new(q->wrapping_key, SEALED_FILE_KEY_MESSAGE, BYTES(NULL, 0), header);
        write_fixed(&q->head, BYTES_OF(header));
}

static int open_streams(struct work *w, struct file_request *q)
{
        switch (q->action) {
        case FILE_SEND:
                begin_message_file(q);
                /* fall through */
        case FILE_SEAL:
                return sealed_stream_new_sealing(TAKE(q->file), writer_bytes(&q->head), q->input, q->output,
                                                 &w->stream);
        case FILE_OPEN:
        case FILE_RECEIVE:
                return sealed_stream_new_opening(TAKE(q->wrapping_key), TAKE(q->cover_key), q->input, q->output,
                                                 &w->stream);
        case FILE_COPY:
                return copy_stream_new(q->input, q->output, &w->copy);
        default:
                return legacy_stream_new(q->input, q->output, q->passphrase, &w->legacy);
        }
}

int file_job_start(sd_event *event, struct file_request *request, file_job_done done, void *userdata,
                   struct file_job **out)
{
        struct file_job *j = calloc(1, sizeof(*j));
        struct work *w = j ? calloc(1, sizeof(*w)) : NULL;
        int r;

        if (!w)
                abort();
        *j = (struct file_job){ .work = w, .done = done, .userdata = userdata };
        *w = (struct work){ .action = request->action,
                            .uid = request->uid,
                            .offset = request->offset,
                            .size = request->size,
                            .authenticated = true,
                            .finished = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
        atomic_init(&w->holders, 1);
        r = w->finished < 0 ? -errno : open_streams(w, request);
        file_request_release(request);
        if (r >= 0)
                r = sd_event_add_io(event, &j->source, w->finished, EPOLLIN, on_finished, j);
        if (r >= 0)
                r = start_thread(w);
        if (r < 0) {
                file_job_free(j);
                return r;
        }
        *out = j;
        return 0;
}

uint64_t file_job_progress(const struct file_job *j)
{
        return j->work->stream ? sealed_stream_progress(j->work->stream) : 0;
}

const struct cover_content *file_job_cover(const struct file_job *j)
{
        return j->work->stream ? sealed_stream_cover(j->work->stream) : NULL;
}

struct file_job *file_job_free(struct file_job *j)
{
        if (!j)
                return NULL;
        if (j->work->stream)
                sealed_stream_stop(j->work->stream);
        if (j->work->legacy)
                legacy_stream_stop(j->work->legacy);
        if (j->work->copy)
                copy_stream_stop(j->work->copy);
        sd_event_source_disable_unref(j->source);
        work_drop(j->work);
        free(j);
        return NULL;
}
