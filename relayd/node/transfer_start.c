/* How a transfer starts: an upload from a pipe, a download from names, and all of them again after relayd's own start.
 */
#include "transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/log.h"
#include "spool.h"

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
        transfer_drop_file(t);
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
        transfer_drop_file(t);
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
