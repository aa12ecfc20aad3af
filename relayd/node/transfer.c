/* See transfer.h. Here is what a transfer is and how it ends; how one starts is in transfer_start.c, what it asks of
 * the hub in transfer_errand.c. */
#include "transfer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/log.h"
#include "spool.h"
#include "withdrawal.h"

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

void transfer_drop_file(struct transfer *t)
{
        char file[TRANSFER_FILE_MAX];

        if (t->fd < 0)
                return;
        close(t->fd);
        t->fd = -1;
        transfer_file(t, file);
        spool_remove(t->account->node->spool, file);
}

size_t transfer_part_size(const struct transfer *t, uint32_t index)
{
        uint64_t last;

        if (index + 1 < t->count)
                return CHUNK_SIZE_MAX;
        last = t->row.size - (uint64_t) index * CHUNK_SIZE_MAX;
        return chunk_size_valid(last) ? (size_t) last : 0;
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
                transfer_drop_file(t);
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
        transfer_drop_file(t);
        transfer_free(t);
}

int transfer_cancel(struct transfer *t)
{
        struct ledger *l = t->account->node->ledger;
        int r = t->row.id != 0 ? transfer_row_remove(l, t->row.id) : 0;

        if (r >= 0 && t->row.id != 0 && t->row.upload && t->row.course != TRANSFER_OVER)
                r = withdrawal_note(t);

        /* What still waits for the ledger's commit is called now, while it is there. */
        if (r >= 0)
                r = ledger_commit(l);
        if (r < 0)
                return r;
        account_wake(t->account);
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
        transfer_leave_errands(t);
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
        errands_release(a);
}
