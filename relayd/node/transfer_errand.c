/* What transfers ask of the hub: requests about chunks, as many at a time and as fast as is allowed, and what becomes
 * of them. An account's transfers take turns. */
#include "transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/cleanup.h"
#include "withdrawal.h"

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

uint64_t transfer_rate(struct transfer *t)
{
        return pace_of(&t->pace, boot_usec());
}

void transfer_part_moved(struct transfer *t, uint32_t index, size_t size)
{
        pace_add(&t->pace, size, boot_usec());
        transfer_part_done(t, index, size);
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

bool transfer_ask(struct transfer *t, enum frame_type type, struct writer *body, uint32_t first, uint32_t count)
{
        struct account *a = t->account;
        struct errand *e = calloc(1, sizeof(*e));

        if (!e)
                return false;
        *e = (struct errand){ a->errands, a, t, type, first, count };
        if (writer_finish(body) < 0 || link_request(a->link, type, writer_bytes(body), on_answered, e) < 0) {
                free(e);
                return false;
        }
        a->errands = e;
        memset(t->parts + first, type == FRAME_HAVE_CHUNKS ? PART_ASKED : PART_UNDER_WAY, count);
        if (type == FRAME_PUT_CHUNK)
                allowance_spend(&a->up, body->size);
        else if (type == FRAME_GET_CHUNK)
                allowance_spend(&a->down, CHUNK_SIZE_MAX);
        return true;
}

/* Chunks of a cancelled upload are still on their way; the hub may store them after whatever it is asked now. */
static bool is_putting_in_vain(const struct account *a)
{
        for (const struct errand *e = a->errands; e; e = e->next) {
                if (!e->transfer && e->type == FRAME_PUT_CHUNK)
                        return true;
        }
        return false;
}

void transfers_run(struct account *a)
{
        bool moved;

        if (is_putting_in_vain(a) || withdrawal_step(a))
                return;
        do { /* in turn, so that a small file gets by a large one */
                moved = false;
                for (struct transfer *t = a->transfers; t; t = t->next) {
                        if (transfer_state(t) == TRANSFER_RUNNING && !t->settling)
                                moved = (t->row.upload ? upload_step(t) : download_step(t)) || moved;
                }
        } while (moved);
}

void transfer_leave_errands(struct transfer *t)
{
        for (struct errand *e = t->account->errands; e; e = e->next) {
                if (e->transfer == t)
                        e->transfer = NULL;
        }
}

void errands_release(struct account *a)
{
        while (a->errands) {
                struct errand *e = a->errands;

                a->errands = e->next;
                free(e);
        }
        a->pacing = sd_event_source_disable_unref(a->pacing);
}
