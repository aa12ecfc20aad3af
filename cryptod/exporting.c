/* See exporting.h. */
#include "cryptod/exporting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cryptod/files/file_job.h"
#include "services/bus.h"
#include "services/cleanup.h"

enum { STEP_MESSAGES = 64, STEP_BYTES = 256 * 1024 };

struct exporting {
        struct exporting *next;
        struct account *account;
        uint32_t number;
        uint8_t conversation[CONVERSATION_ID_SIZE];
        struct exporting_range range; /* of what is still to be read */
        bool begun;                   /* something of it has been */
        bool ended;                   /* there are no more */
        int error;                    /* of the history */
        struct writer buffer;
        size_t written; /* of it */
        int pipe;
        sd_event_source *source;
        sd_bus_track *owner;
        struct file_job *job;
};

static void exporting_free(struct exporting *e)
{
        for (struct exporting **p = &e->account->exportings; *p; p = &(*p)->next) {
                if (*p == e) {
                        *p = e->next;
                        break;
                }
        }
        sd_event_source_disable_unref(e->source);
        file_job_free(e->job);
        sd_bus_track_unref(e->owner);
        cleanup_close(&e->pipe);
        writer_release(&e->buffer);
        free(e);
}

static void tell(const struct exporting *e, const sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *owner = sd_bus_track_first(e->owner);
        char path[128];

        (void) account_object_path(e->account, path, sizeof(path));
        if (owner &&
            bus_signal_to(e->account->cryptod->bus, owner, path, "im.visavis.Crypto1.History", "Exported", &m) >= 0 &&
            sd_bus_message_append(m, "uss", e->number, error->name ? error->name : "",
                                  error->message ? error->message : "") >= 0)
                (void) sd_bus_send(NULL, m, NULL);
}

static void on_copied(int result, bool authenticated, void *userdata)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct exporting *e = userdata;

        if (e->error < 0)
                (void) account_object_storage_error(e->error, &error);
        else if (result < 0)
                (void) files_object_describe(result, &error);
        tell(e, &error);
        exporting_free(e);
}

/* Reads on, as far as a step goes. */
static int read_step(struct exporting *e)
{
        struct account *a = e->account;
        struct exporting_range *range = &e->range;
        const struct conversation *c = messenger_find(a->messenger, BYTES_OF(e->conversation));
        _cleanup_(history_cursor_release) struct history_cursor cursor = { 0 };
        bool limited = range->limit > 0, full = false;
        char own[ADDRESS_TEXT_MAX];
        int r = !c                    ? -ENOENT
                : range->newest_first ? history_before(a->vault, BYTES_OF(e->conversation), range->from, &cursor)
                                      : history_after(a->vault, BYTES_OF(e->conversation), range->from, &cursor);

        account_own_address(a, own);
        if (r >= 0 && !e->begun)
                export_begin(c, range->format, &e->buffer);
        for (unsigned i = 0; r >= 0 && !full && i < STEP_MESSAGES && e->buffer.size < STEP_BYTES; i++) {
                _cleanup_(message_release) struct message m = { 0 };

                r = history_read(&cursor, &m);
                if (r <= 0)
                        break;
                r = export_message(a->vault, c, own, &m, !e->begun, range->format, &e->buffer);
                e->begun = true;
                range->from = m.id;
                full = limited && --range->limit == 0;
                r = r < 0 ? r : 1;
        }
        e->ended = r <= 0 || full;
        if (r >= 0 && e->ended)
                export_end(range->format, &e->buffer);
        return r < 0 ? r : writer_finish(&e->buffer);
}

static int on_writable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct exporting *e = userdata;
        ssize_t n;

        if (e->written == e->buffer.size && !e->ended) {
                writer_release(&e->buffer);
                e->written = 0;
                e->error = read_step(e);
        }
        n = e->error < 0 || e->written == e->buffer.size
                    ? 0
                    : write(fd, e->buffer.data + e->written, e->buffer.size - e->written);
        if (n > 0)
                e->written += (size_t) n;
        if (e->error < 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
            (e->ended && e->written == e->buffer.size)) { /* the copying ends with the pipe, and says how */
                e->source = sd_event_source_disable_unref(e->source);
                cleanup_close(&e->pipe);
                e->pipe = -1;
        }
        return 0;
}

static int on_owner_gone(sd_bus_track *track, void *userdata)
{
        exporting_free(userdata);
        return 1; /* 0 would have it called again and again */
}

static int start_copying(struct exporting *e, int output)
{
        _cleanup_close_ int from = -1;
        struct file_request q = {
                .action = FILE_COPY, .passphrase = -1, .output = output, .uid = vault_account(e->account->vault)->uid
        };
        int ends[2], r;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        q.input = from = ends[0];
        e->pipe = ends[1];
        if (fcntl(e->pipe, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(e->account->cryptod->event, &e->source, e->pipe, EPOLLOUT, on_writable, e);
        return r < 0 ? r : file_job_start(e->account->cryptod->event, &q, on_copied, e, &e->job);
}

int exporting_start(struct account *a, const struct conversation *c, sd_bus_message *m, int output,
                    const struct exporting_range *range, uint32_t *job)
{
        struct exporting *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                abort();
        *e = (struct exporting){ .account = a, .number = ++a->file_count, .range = *range, .pipe = -1 };
        memcpy(e->conversation, c->id, sizeof(e->conversation));
        r = sd_bus_track_new(a->cryptod->bus, &e->owner, on_owner_gone, e);
        if (r >= 0)
                r = sd_bus_track_add_sender(e->owner, m);
        if (r >= 0)
                r = start_copying(e, output);
        if (r < 0) {
                exporting_free(e);
                return r;
        }
        e->next = a->exportings;
        a->exportings = e;
        *job = e->number;
        return 0;
}

void exporting_end_all(struct account *a)
{
        static const sd_bus_error locked = SD_BUS_ERROR_MAKE_CONST(
                ERROR_LOCKED, "The account was locked meanwhile. What was written is not whole; log in and try again.");

        while (a->exportings) {
                tell(a->exportings, &locked);
                exporting_free(a->exportings);
        }
}
