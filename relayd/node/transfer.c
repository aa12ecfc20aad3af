/* See transfer.h. */
#include "transfer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/cleanup.h"
#include "services/log.h"
#include "services/text.h"
#include "spool.h"

enum {
        GETS_MAX = 16, /* chunks that an account has asked for and not got yet */
        PATIENCE_FIRST_USEC = 2 * 1000 * 1000,
        PATIENCE_MAX_USEC = 5 * 60 * 1000 * 1000,
};

/* A request about chunks that the hub has not answered yet. */
struct errand {
        struct errand *next;
        struct account *account;
        struct transfer *transfer; /* NULL: cancelled meanwhile */
        enum frame_type type;
        uint32_t first, count;
};

static uint64_t boot_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

enum transfer_state transfer_state(const struct transfer *t)
{
        if (t->row.course == TRANSFER_GIVEN_UP)
                return TRANSFER_FAILED;
        if (t->row.course == TRANSFER_OVER && !t->settling)
                return TRANSFER_DONE;
        if (t->row.id == 0)
                return TRANSFER_RECEIVING;
        if (t->row.paused)
                return TRANSFER_PAUSED;
        return t->account->state == ACCOUNT_ONLINE && !t->retry ? TRANSFER_RUNNING : TRANSFER_WAITING;
}

const char *transfer_error(const struct transfer *t)
{
        switch (transfer_state(t)) {
        case TRANSFER_FAILED:
                return t->row.reason;
        case TRANSFER_WAITING:
                return t->retry ? t->sentence : t->account->last_error;
        default:
                return "";
        }
}

uint64_t transfer_rate(struct transfer *t)
{
        return pace_of(&t->pace, boot_usec());
}

void transfer_file(const struct transfer *t, char out[static TRANSFER_FILE_MAX])
{
        int n = snprintf(out, TRANSFER_FILE_MAX, "%lld-", (long long) t->row.account);

        for (unsigned i = 0; i < TRANSFER_ID_SIZE && n < TRANSFER_FILE_MAX; i++)
                n += snprintf(out + n, (size_t) (TRANSFER_FILE_MAX - n), "%02x", t->row.transfer[i]);
}

struct transfer *transfer_find(struct account *a, const uint8_t id[static TRANSFER_ID_SIZE])
{
        for (struct transfer *t = a->transfers; t; t = t->next) {
                if (memcmp(t->row.transfer, id, TRANSFER_ID_SIZE) == 0)
                        return t;
        }
        return NULL;
}

static uint64_t spool_use(const struct transfer *t)
{
        if (t->intake)
                return intake_size(t->intake);
        if (t->fd < 0)
                return 0;
        return t->row.upload || t->row.size > 0 ? t->row.size : (uint64_t) t->count * CHUNK_SIZE_MAX;
}

static uint64_t spool_room(const struct account *a)
{
        uint64_t used = 0, max = a->node->settings.spool_max;

        for (const struct transfer *t = a->transfers; t; t = t->next)
                used += spool_use(t);
        return used < max ? max - used : 0;
}

static void drop_file(struct transfer *t)
{
        char file[TRANSFER_FILE_MAX];

        if (t->fd < 0)
                return;
        close(t->fd);
        t->fd = -1;
        transfer_file(t, file);
        spool_remove(t->account->node->spool, file);
}

static unsigned under_way(const struct account *a, enum frame_type type)
{
        unsigned n = 0;

        for (const struct errand *e = a->errands; e; e = e->next)
                n += e->type == type;
        return n;
}

static int on_pacing(sd_event_source *source, uint64_t usec, void *userdata)
{
        account_wake(userdata);
        return 0;
}

static void wait_for_allowance(struct account *a, uint64_t usec)
{
        if (!a->pacing)
                (void) sd_event_add_time_relative(a->node->event, &a->pacing, CLOCK_BOOTTIME, usec, 1000, on_pacing, a);
        else if (sd_event_source_set_time_relative(a->pacing, usec) >= 0)
                (void) sd_event_source_set_enabled(a->pacing, SD_EVENT_ONESHOT);
}

bool transfer_may_move(struct transfer *t)
{
        struct account *a = t->account;
        uint64_t wait;

        if (under_way(a, t->row.upload ? FRAME_PUT_CHUNK : FRAME_GET_CHUNK) >=
            (t->row.upload ? (unsigned) CHUNK_PUTS_MAX : (unsigned) GETS_MAX))
                return false;
        wait = allowance_wait(t->row.upload ? &a->up : &a->down, a->row.bandwidth, boot_usec());
        if (wait > 0)
                wait_for_allowance(a, wait);
        return wait == 0;
}

size_t transfer_part_size(const struct transfer *t, uint32_t index)
{
        uint64_t last;

        if (index + 1 < t->count)
                return CHUNK_SIZE_MAX;
        last = t->row.size - (uint64_t) index * CHUNK_SIZE_MAX;
        return chunk_size_valid(last) ? (size_t) last : 0;
}

/* They have to be looked at again. */
static void take_back(struct transfer *t, uint32_t first, uint32_t count)
{
        for (uint32_t i = first; i < first + count; i++) {
                if (t->parts[i] == PART_UNDER_WAY || t->parts[i] == PART_ASKED)
                        t->parts[i] = t->row.upload ? PART_UNKNOWN : PART_MISSING;
        }
        if (first < t->cursor)
                t->cursor = first;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct transfer *t = userdata;

        t->retry = sd_event_source_disable_unref(t->retry);
        transfer_object_changed(t);
        account_wake(t->account);
        return 0;
}

/* The hub cannot now: the transfer goes on by itself after a while. */
static void give_time(struct transfer *t, const char *sentence, uint64_t at_least_usec)
{
        uint64_t patience = PATIENCE_FIRST_USEC << (t->failures < 8 ? t->failures : 8);

        if (t->retry)
                return;
        t->failures++;
        if (patience > PATIENCE_MAX_USEC)
                patience = PATIENCE_MAX_USEC;
        (void) snprintf(t->sentence, sizeof(t->sentence), "%s", sentence);
        (void) sd_event_add_time_relative(t->account->node->event, &t->retry, CLOCK_BOOTTIME,
                                          patience > at_least_usec ? patience : at_least_usec, 0, on_retry, t);
        transfer_object_changed(t);
}

void transfer_give_up(struct transfer *t, const char *format, ...)
{
        va_list arguments;

        if (t->row.course != TRANSFER_OPEN)
                return;
        va_start(arguments, format);
        (void) vsnprintf(t->row.reason, sizeof(t->row.reason), format, arguments);
        va_end(arguments);
        t->row.course = TRANSFER_GIVEN_UP;
        log_notice("A file %s account %s was given up: %s", t->row.upload ? "from" : "for", t->account->row.account,
                   t->row.reason);
        if (t->row.id != 0)
                (void) transfer_row_update(t->account->node->ledger, &t->row);
        transfer_object_changed(t);
}

static void on_over(void *userdata, int error)
{
        struct transfer *t = userdata;

        t->settling = false;
        if (error < 0) {
                t->row.course = TRANSFER_OPEN;
                transfer_give_up(t, "%s", ledger_describe(t->account->node->ledger));
                return;
        }
        if (t->row.upload)
                drop_file(t);
        transfer_object_changed(t);
}

/* All chunks are where they belong. */
static void conclude(struct transfer *t)
{
        struct ledger *l = t->account->node->ledger;
        int r = t->row.upload ? 0 : spool_sync(t->account->node->spool, t->fd);

        if (r < 0) {
                transfer_give_up(t, "The file could not be written to relayd's disk: %s.", strerror(-r));
                return;
        }
        t->row.course = TRANSFER_OVER;
        t->settling = true;
        if (transfer_row_update(l, &t->row) < 0 || ledger_then(l, on_over, t) < 0)
                on_over(t, -EIO);
}

void transfer_part_done(struct transfer *t, uint32_t index, size_t size)
{
        if (t->parts[index] == PART_DONE)
                return;
        t->parts[index] = PART_DONE;
        t->done++;
        t->failures = 0;
        transfer_object_changed(t);
        if (!t->row.upload && index + 1 == t->count)
                t->row.size = (uint64_t) index * CHUNK_SIZE_MAX + size;
        if (t->done == t->count)
                conclude(t);
}

void transfer_part_moved(struct transfer *t, uint32_t index, size_t size)
{
        pace_add(&t->pace, size, boot_usec());
        transfer_part_done(t, index, size);
}

static void refused(struct transfer *t, const struct errand *e, const struct link_error *error)
{
        take_back(t, e->first, e->count);
        if (error->failure != LINK_REFUSED)
                return; /* the link goes down, and it goes on with the next one */
        if (error->code == WIRE_ERROR_TOO_FAST)
                give_time(t, error->sentence, error->value * 1000);
        else if (error->code == WIRE_ERROR_STORAGE || error->code == WIRE_ERROR_BUSY)
                give_time(t, error->sentence, 0);
        else if (error->code == WIRE_ERROR_NO_CHUNK)
                transfer_give_up(t,
                                 "The hub does not have the whole file any more: chunk %u of %u is gone. Ask whoever "
                                 "sent it to send it again.",
                                 e->first + 1, t->count);
        else
                transfer_give_up(t, "%s", error->sentence);
}

static void on_answered(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct errand *e = userdata;
        struct account *a = e->account;
        struct transfer *t = e->transfer;

        for (struct errand **p = &a->errands; *p; p = &(*p)->next) {
                if (*p == e) {
                        *p = e->next;
                        break;
                }
        }
        if (t && error)
                refused(t, e, error);
        else if (t && t->row.upload)
                upload_answered(t, e->type, e->first, e->count, answer);
        else if (t)
                download_answered(t, e->first, answer);
        free(e);
        account_wake(a);
}

static int ask(struct account *a, struct transfer *t, enum frame_type type, struct writer *body, uint32_t first,
               uint32_t count)
{
        struct errand *e = calloc(1, sizeof(*e));
        int r = writer_finish(body);

        if (!e)
                return -ENOMEM;
        *e = (struct errand){ a->errands, a, t, type, first, count };
        if (r >= 0)
                r = link_request(a->link, type, writer_bytes(body), on_answered, e);
        if (r < 0)
                free(e);
        else
                a->errands = e;
        return r;
}

bool transfer_ask(struct transfer *t, enum frame_type type, struct writer *body, uint32_t first, uint32_t count)
{
        struct account *a = t->account;

        if (ask(a, t, type, body, first, count) < 0)
                return false;
        memset(t->parts + first, type == FRAME_HAVE_CHUNKS ? PART_ASKED : PART_UNDER_WAY, count);
        if (type == FRAME_PUT_CHUNK)
                allowance_spend(&a->up, body->size);
        else if (type == FRAME_GET_CHUNK)
                allowance_spend(&a->down, CHUNK_SIZE_MAX);
        return true;
}

/* Best effort: what is not withdrawn is dropped by the hub when its time is over. */
static void withdraw(struct transfer *t)
{
        struct account *a = t->account;

        for (uint32_t i = 0; i < t->count && a->state == ACCOUNT_ONLINE; i += CHUNK_NAMES_MAX) {
                _cleanup_writer_ struct writer body = WRITER_INIT;
                uint32_t n = t->count - i < CHUNK_NAMES_MAX ? t->count - i : CHUNK_NAMES_MAX;

                write_chunk_names(&body, BYTES(t->names + (size_t) i * CHUNK_NAME_SIZE, (size_t) n * CHUNK_NAME_SIZE));
                if (ask(a, NULL, FRAME_DROP_CHUNKS, &body, 0, 0) < 0)
                        return;
        }
}

void transfers_run(struct account *a)
{
        bool moved;

        do { /* in turn, so that a small file gets by a large one */
                moved = false;
                for (struct transfer *t = a->transfers; t; t = t->next) {
                        if (transfer_state(t) == TRANSFER_RUNNING && !t->settling)
                                moved = (t->row.upload ? upload_step(t) : download_step(t)) || moved;
                }
        } while (moved);
}

static struct transfer *transfer_new(struct account *a, const struct transfer_row *row)
{
        struct transfer *t = calloc(1, sizeof(*t)), **last = &a->transfers;

        if (!t)
                return NULL;
        t->account = a;
        t->row = *row;
        t->row.names = BYTES(NULL, 0);
        t->fd = -1;
        while (*last)
                last = &(*last)->next;
        *last = t;
        return t;
}

/* Takes over @names, which come from malloc(). */
static int set_names(struct transfer *t, uint8_t *names, size_t size)
{
        free(t->names);
        t->names = names;
        t->row.names = BYTES(names, size);
        t->count = (uint32_t) (size / CHUNK_NAME_SIZE);
        t->parts = calloc(t->count, 1);
        return t->parts ? 0 : -ENOMEM;
}

static int copy_names(struct transfer *t, struct bytes names)
{
        uint8_t *copy = malloc(names.size);

        if (!copy)
                return -ENOMEM;
        memcpy(copy, names.data, names.size);
        return set_names(t, copy, names.size);
}

static void on_accepted(void *userdata, int error)
{
        struct transfer *t = userdata;

        if (error < 0) {
                t->row.id = 0;
                transfer_give_up(t, "%s", ledger_describe(t->account->node->ledger));
        }
        transfer_object_changed(t);
        account_wake(t->account);
}

static int enter(struct transfer *t)
{
        struct ledger *l = t->account->node->ledger;
        int r = transfer_row_add(l, &t->row);

        return r < 0 ? r : ledger_then(l, on_accepted, t);
}

static uint64_t on_intake_room(void *userdata)
{
        struct transfer *t = userdata;

        return spool_room(t->account);
}

static void give_up_intake(struct transfer *t, int error)
{
        switch (error) {
        case -EDQUOT:
                transfer_give_up(t,
                                 "Files of this account that are under way may take %llu MiB of relayd's disk (spool "
                                 "in relayd.conf), and that is full. Wait until others are done, or cancel one.",
                                 (unsigned long long) (t->account->node->settings.spool_max >> 20));
                break;
        case -ENOSPC:
                transfer_give_up(
                        t, "The disk that holds relayd's spool is full. Make room on it and send the file again.");
                break;
        case -EBADMSG:
                transfer_give_up(
                        t, "The content is not made of whole chunks: each has 256 KiB, and the last one 4, 16, 64 "
                           "or 256 KiB.");
                break;
        case -ENODATA:
                transfer_give_up(t, "There was no content.");
                break;
        default:
                transfer_give_up(t, "The content could not be taken in: %s.", strerror(-error));
        }
        t->intake = intake_free(t->intake);
        drop_file(t);
}

static void on_intake_done(void *userdata, int error)
{
        struct transfer *t = userdata;
        size_t size;
        uint8_t *names;

        if (error >= 0)
                error = spool_sync(t->account->node->spool, t->fd);
        if (error >= 0) {
                t->row.size = intake_size(t->intake);
                names = writer_steal(intake_names(t->intake), &size);
                error = set_names(t, names, size);
        }
        if (error >= 0)
                error = enter(t);
        if (error < 0)
                give_up_intake(t, error);
        else
                t->intake = intake_free(t->intake);
}

static int check_number(const struct account *a)
{
        unsigned n = 0;

        for (const struct transfer *t = a->transfers; t; t = t->next)
                n++;
        return n < TRANSFERS_MAX ? 0 : -E2BIG;
}

/* A new one with its file in the spool and its object on the bus. */
static int start(struct account *a, const struct transfer_row *row, struct transfer **out)
{
        char file[TRANSFER_FILE_MAX];
        struct transfer *t;
        int r = check_number(a);

        if (r < 0)
                return r;
        t = transfer_new(a, row);
        if (!t)
                return -ENOMEM;
        transfer_file(t, file);
        r = spool_create(a->node->spool, file, &t->fd);
        if (r < 0) {
                transfer_free(t);
                return r;
        }
        *out = t;
        return 0;
}

static int abandon(struct transfer *t, int error)
{
        drop_file(t);
        transfer_free(t);
        return error;
}

int transfer_upload(struct account *a, const uint8_t id[static TRANSFER_ID_SIZE], int from, struct transfer **out)
{
        static const struct intake_handlers handlers = { on_intake_room, on_intake_done };
        struct transfer_row row = { .account = a->row.id, .upload = true };
        struct transfer *t;
        int r;

        memcpy(row.transfer, id, sizeof(row.transfer));
        r = start(a, &row, &t);
        if (r < 0) {
                close(from);
                return r;
        }
        r = intake_new(a->node->event, from, t->fd, &handlers, t, &t->intake);
        if (r >= 0)
                r = transfer_object_export(t);
        if (r < 0)
                return abandon(t, r);
        *out = t;
        return 0;
}

int transfer_download(struct account *a, const uint8_t id[static TRANSFER_ID_SIZE], struct bytes names,
                      struct transfer **out)
{
        struct transfer_row row = { .account = a->row.id };
        struct transfer *t;
        int r;

        if (names.size / CHUNK_NAME_SIZE > spool_room(a) / CHUNK_SIZE_MAX)
                return -EDQUOT;
        memcpy(row.transfer, id, sizeof(row.transfer));
        r = start(a, &row, &t);
        if (r < 0)
                return r;
        r = copy_names(t, names);
        if (r >= 0)
                r = transfer_row_add(a->node->ledger, &t->row);
        if (r >= 0)
                r = ledger_commit(a->node->ledger);
        if (r >= 0)
                r = transfer_object_export(t);
        if (r < 0)
                return abandon(t, r);
        account_wake(a);
        *out = t;
        return 0;
}

static int write_row(struct transfer *t, const struct transfer_row *before)
{
        struct ledger *l = t->account->node->ledger;
        int r = transfer_row_update(l, &t->row);

        if (r >= 0)
                r = ledger_commit(l);
        if (r < 0)
                t->row = *before;
        transfer_object_changed(t);
        account_wake(t->account);
        return r;
}

int transfer_pause(struct transfer *t)
{
        struct transfer_row before = t->row;

        if (t->row.id == 0 || t->row.course != TRANSFER_OPEN || t->row.paused)
                return 0;
        t->row.paused = true;
        return write_row(t, &before);
}

int transfer_resume(struct transfer *t)
{
        struct transfer_row before = t->row;

        if (t->row.course == TRANSFER_OVER || (t->row.course == TRANSFER_OPEN && !t->row.paused && !t->retry))
                return 0;
        if (t->row.id == 0)
                return -ENODATA;
        t->cursor = 0;
        t->row.paused = false;
        t->row.course = TRANSFER_OPEN;
        t->row.reason[0] = '\0';
        t->retry = sd_event_source_disable_unref(t->retry);
        return write_row(t, &before);
}

static void forget(struct transfer *t)
{
        transfer_object_remove(t);
        drop_file(t);
        transfer_free(t);
}

int transfer_cancel(struct transfer *t)
{
        struct ledger *l = t->account->node->ledger;
        int r = t->row.id != 0 ? transfer_row_remove(l, t->row.id) : 0;

        /* What still waits for the ledger's commit is called now, while it is there. */
        if (r >= 0)
                r = ledger_commit(l);
        if (r < 0)
                return r;
        if (t->row.upload && t->row.course != TRANSFER_OVER)
                withdraw(t);
        forget(t);
        return 0;
}

struct transfer *transfer_free(struct transfer *t)
{
        struct account *a = t->account;

        for (struct transfer **p = &a->transfers; *p; p = &(*p)->next) {
                if (*p == t) {
                        *p = t->next;
                        break;
                }
        }
        for (struct errand *e = a->errands; e; e = e->next) {
                if (e->transfer == t)
                        e->transfer = NULL;
        }
        intake_free(t->intake);
        if (t->fd >= 0)
                close(t->fd);
        sd_event_source_disable_unref(t->retry);
        sd_event_source_disable_unref(t->report);
        sd_bus_slot_unref(t->object);
        sd_bus_slot_unref(t->gate);
        free(t->names);
        free(t->parts);
        free(t);
        return NULL;
}

void transfers_forget(struct account *a)
{
        while (a->transfers)
                forget(a->transfers);
}

void transfers_release(struct account *a)
{
        while (a->transfers)
                transfer_free(a->transfers);
        while (a->errands) {
                struct errand *e = a->errands;

                a->errands = e->next;
                free(e);
        }
        a->pacing = sd_event_source_disable_unref(a->pacing);
}

static struct account *account_of_row(struct node *n, int64_t id)
{
        for (struct account *a = n->accounts; a; a = a->next) {
                if (a->row.id == id)
                        return a;
        }
        return NULL;
}

/* Its file may be missing: then an upload is given up, and a download starts anew. */
static int on_row(void *userdata, const struct transfer_row *row)
{
        struct node *n = userdata;
        struct account *a = account_of_row(n, row->account);
        char file[TRANSFER_FILE_MAX];
        struct transfer *t = a ? transfer_new(a, row) : NULL;
        int r;

        if (!t)
                return a ? -ENOMEM : 0;
        transfer_file(t, file);
        r = copy_names(t, row->names);
        if (r < 0)
                return r;
        if (row->course == TRANSFER_OVER)
                t->done = t->count;
        if (!row->upload || row->course != TRANSFER_OVER)
                r = spool_find(n->spool, file, &t->fd);
        if (r == -ENOENT && !row->upload && row->course != TRANSFER_OVER)
                r = spool_create(n->spool, file, &t->fd);
        if (r < 0)
                transfer_give_up(t, "The file is not in relayd's spool any more (%s); send it again.", strerror(-r));
        return transfer_object_export(t);
}

static bool is_known(void *userdata, const char *name)
{
        struct node *n = userdata;
        char file[TRANSFER_FILE_MAX];

        for (struct account *a = n->accounts; a; a = a->next) {
                for (struct transfer *t = a->transfers; t; t = t->next) {
                        transfer_file(t, file);
                        if (t->fd >= 0 && strcmp(file, name) == 0)
                                return true;
                }
        }
        return false;
}

int transfers_load(struct node *n)
{
        int r = transfer_rows(n->ledger, on_row, n);

        return r < 0 ? r : spool_sweep(n->spool, is_known, n);
}
