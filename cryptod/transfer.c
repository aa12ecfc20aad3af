/* See transfer.h. */
#include "cryptod/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cryptod/conversation/messenger_content.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/seal.h"

#define RELAY_LOST_IT "It was interrupted before relayd had all of it; cancel it and send the file again."

static struct transfer *transfer_new(struct account *a)
{
        struct transfer *t = calloc(1, sizeof(*t));

        if (!t)
                abort();
        t->account = a;
        t->output = -1;
        return t;
}

static void transfer_free(struct transfer *t)
{
        file_job_free(t->job);
        sd_bus_slot_unref(t->asked);
        sd_bus_slot_unref(t->object);
        sd_bus_slot_unref(t->gate);
        sd_bus_track_unref(t->saver);
        sd_event_source_disable_unref(t->report);
        cleanup_close(&t->output);
        transfer_record_release(&t->record);
        free(t->error);
        free(t);
}

static void unlink_transfer(struct transfer *t)
{
        for (struct transfer **p = &t->account->transfers; *p; p = &(*p)->next) {
                if (*p == t) {
                        *p = t->next;
                        return;
                }
        }
}

/* It is over: off the bus, and relayd may forget it. */
static void transfer_end(struct transfer *t)
{
        transfer_forget(t->account, t->record.id);
        transfer_object_remove(t);
        unlink_transfer(t);
        transfer_free(t);
}

static int add(struct transfer *t)
{
        int r = transfer_object_export(t);

        if (r < 0) {
                transfer_free(t);
                return r;
        }
        t->next = t->account->transfers;
        t->account->transfers = t;
        return 0;
}

static int store(struct account *a, const struct transfer_record *record)
{
        int r = vault_begin(a->vault);

        if (r < 0)
                return r;
        r = transfer_record_store(a->vault, record);
        if (r >= 0)
                return vault_commit(a->vault);
        vault_rollback(a->vault);
        return r;
}

static int erase(struct account *a, const struct transfer_record *record)
{
        int r = vault_begin(a->vault);

        if (r < 0)
                return r;
        r = transfer_record_erase(a->vault, record->id);
        if (r >= 0)
                return vault_commit(a->vault);
        vault_rollback(a->vault);
        return r;
}

static void set_state(struct transfer *t, enum transfer_state state, const char *error)
{
        free(t->error);
        t->error = error && error[0] ? strdup(error) : NULL;
        t->state = state;
        transfer_object_changed(t);
}

void transfer_fail(struct transfer *t, const char *format, ...)
{
        _cleanup_free_ char *sentence = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&sentence, format, arguments) < 0)
                abort();
        va_end(arguments);
        t->job = file_job_free(t->job);
        set_state(t, TRANSFER_FAILED, sentence);
}

/* -- all of an account -------------------------------------------------------------------------------------------- */

static int take_up(struct transfer_record *record, void *userdata)
{
        struct transfer *t = transfer_new(userdata);
        bool lost = record->sends && !record->whole;
        int r;

        t->record = *record;
        t->state = TRANSFER_WAITING;
        r = add(t);
        if (r >= 0 && lost)
                transfer_fail(t, RELAY_LOST_IT);
        return r;
}

/* Whether the message still has the file. */
static bool is_wanted(const struct transfer *t)
{
        _cleanup_(message_release) struct message m = { 0 };
        int r = history_get(t->account->vault, BYTES_OF(t->record.conversation), t->record.message, &m);

        return r < 0 || m.damaged || m.content.kind == CONTENT_FILE;
}

void transfers_message_changed(struct account *a, const struct conversation *c, uint64_t message)
{
        struct transfer *next;

        for (struct transfer *t = a->transfers; t; t = next) {
                next = t->next;
                if (!t->record.sends && (!c || bytes_equal(BYTES_OF(t->record.conversation), conversation_id(c))) &&
                    (message == 0 || message == t->record.message) && !is_wanted(t))
                        (void) transfer_cancel(t); /* else when the vault is opened again */
        }
}

int transfers_open(struct account *a)
{
        int r = transfer_records_load(a->vault, take_up, a);

        if (r < 0)
                return r;
        transfers_message_changed(a, NULL, 0);
        transfers_sweep(a);
        transfers_look(a);
        return 0;
}

void transfers_close(struct account *a)
{
        while (a->transfers) {
                struct transfer *t = a->transfers;

                transfer_object_remove(t);
                unlink_transfer(t);
                transfer_free(t);
        }
}

/* Those that failed here are no business of relayd's any more. */
static bool is_at_relayd(const struct transfer *t)
{
        return !t->record.sends || t->record.whole || t->job;
}

void transfers_look(struct account *a)
{
        for (struct transfer *t = a->transfers; t; t = t->next) {
                t->asked = sd_bus_slot_unref(t->asked); /* a relayd that has gone does not answer */
                transfer_content(t, -1, "it was asked and does not answer. Save it again.");
                if (is_at_relayd(t))
                        transfer_look(t);
        }
}

void transfers_changed(struct account *a, struct bytes id)
{
        for (struct transfer *t = a->transfers; t; t = t->next)
                if (bytes_equal(BYTES_OF(t->record.id), id))
                        transfer_look(t);
}

static int check_room(const struct account *a)
{
        unsigned n = 0;

        for (const struct transfer *t = a->transfers; t; t = t->next)
                n++;
        return n < TRANSFERS_OF_ACCOUNT_MAX ? 0 : -EDQUOT;
}

/* -- to the hub ---------------------------------------------------------------------------------------------------- */

/* All of it has been given to relayd, whose answer to that is still to come. */
static int note_whole(struct transfer *t, uint64_t size)
{
        struct transfer_record *r = &t->record;

        if (file_part_chunks(size) > FILE_CHUNKS_MAX)
                return -EFBIG;
        r->part.size = size;
        r->whole = true;
        return store(t->account, r);
}

static void on_sealed(int result, bool authenticated, void *userdata)
{
        struct transfer *t = userdata;
        uint64_t size = file_job_progress(t->job);

        if (result == 0)
                result = note_whole(t, size);
        if (result == 0) {
                t->job = file_job_free(t->job); /* and with it the pipe's end */
                t->progress = 0;
                set_state(t, TRANSFER_WAITING, NULL);
                transfer_look(t);
                return;
        }
        t->record.whole = false;
        transfer_forget(t->account, t->record.id);
        if (result == -EFBIG)
                transfer_fail(t, "The file is larger than what a message can carry; send it in parts.");
        else if (result == -EPIPE)
                transfer_fail(t, "relayd did not take the file; its journal says why. Cancel it and send it again.");
        else
                transfer_fail(t, "The file could not be read: %s. Cancel it and send it again.", strerror(-result));
}

static int start_sealing(struct transfer *t, int content)
{
        _cleanup_close_ int from = -1, to = -1;
        struct file_request q = { .action = FILE_SEND, .passphrase = -1, .uid = vault_account(t->account->vault)->uid };
        struct stat st;
        int ends[2], r;

        if (fstat(content, &st) < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        from = ends[0];
        to = ends[1];
        (void) fcntl(to, F_SETPIPE_SZ, SEALED_FILE_CHUNK_SIZE); /* or as much as it has */
        t->expected = S_ISREG(st.st_mode) ? (uint64_t) st.st_size : 0;
        r = transfer_upload(t, from);
        if (r < 0)
                return r;
        q.input = content;
        q.output = to;
        q.wrapping_key = secret_copy(t->record.part.key);
        return file_job_start(t->account->cryptod->event, &q, on_sealed, t, &t->job);
}

/* The views of @draft come to stand in memory of its own, a key is made, and it is stored. */
static int make_record(struct account *a, const struct transfer_record *draft, struct transfer_record *out)
{
        struct transfer_record r = *draft;
        uint8_t key[FILE_KEY_SIZE];
        int result;

        random_fill(key, sizeof(key));
        random_fill(r.id, sizeof(r.id));
        r.part.key = BYTES_OF(key);
        result = transfer_record_copy(&r, out);
        explicit_bzero(key, sizeof(key));
        return result < 0 ? result : store(a, out);
}

int transfer_send(struct account *a, int content, const struct transfer_record *draft, struct transfer **out)
{
        struct transfer *t;
        int r = check_room(a);

        if (r < 0)
                return r;
        t = transfer_new(a);
        r = make_record(a, draft, &t->record);
        if (r < 0) {
                transfer_free(t);
                return r;
        }
        r = start_sealing(t, content);
        if (r < 0) {
                (void) erase(a, &t->record);
                transfer_forget(a, t->record.id);
                transfer_free(t);
                return r;
        }
        *out = t;
        return add(t);
}

void transfer_named(struct transfer *t, struct bytes names)
{
        struct account *a = t->account;
        struct conversation *c = messenger_find(a->messenger, BYTES_OF(t->record.conversation));
        uint64_t message;
        int r = c ? 0 : -ENOENT;

        t->record.part.chunks = names;
        if (r >= 0)
                r = messenger_say_file(a->messenger, c, &t->record, &message);
        t->record.part.chunks = BYTES(NULL, 0);
        if (r >= 0)
                transfer_end(t);
        else if (r == -ENOENT || r == -ENOTCONN)
                transfer_fail(t, "The conversation is over, so the file cannot be sent in it; cancel it.");
        else
                transfer_fail(t, "The message with the file could not be sent: %s. Resume it.", strerror(-r));
}

/* -- from the hub -------------------------------------------------------------------------------------------------- */

int transfer_receive(struct account *a, const struct conversation *c, uint64_t message, const struct file_part *part,
                     struct transfer **out)
{
        struct transfer_record draft = { .message = message, .part = *part };
        struct transfer *t;
        int r;

        for (t = a->transfers; t; t = t->next) {
                if (!t->record.sends && t->record.message == message) {
                        *out = t;
                        return 0;
                }
        }
        r = check_room(a);
        if (r < 0)
                return r;
        t = transfer_new(a);
        memcpy(draft.conversation, c->id, sizeof(draft.conversation));
        random_fill(draft.id, sizeof(draft.id));
        t->state = TRANSFER_WAITING;
        r = transfer_record_copy(&draft, &t->record);
        if (r >= 0)
                r = store(a, &t->record);
        if (r >= 0)
                r = transfer_download(t);
        if (r < 0) {
                (void) erase(a, &t->record);
                transfer_free(t);
                return r;
        }
        *out = t;
        return add(t);
}

static void end_saving(struct transfer *t, const sd_bus_error *error)
{
        transfer_object_saved(t, error);
        t->job = file_job_free(t->job);
        t->saver = sd_bus_track_unref(t->saver);
        if (!error && erase(t->account, &t->record) >= 0)
                transfer_end(t);
        else
                transfer_object_changed(t);
}

static void on_saved(int result, bool authenticated, void *userdata)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (result != 0)
                (void) files_object_describe(result, &error);
        end_saving(userdata, result != 0 ? &error : NULL);
}

void transfer_content(struct transfer *t, int fd, const char *why)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct file_request q = { .action = FILE_RECEIVE,
                                  .passphrase = -1,
                                  .uid = vault_account(t->account->vault)->uid,
                                  .input = fd,
                                  .output = t->output,
                                  .offset = t->offset,
                                  .size = t->record.part.size };
        int r = 0;

        if (t->output < 0) /* whoever wanted it has gone */
                return;
        if (fd >= 0) {
                q.wrapping_key = secret_copy(t->record.part.key);
                r = file_job_start(t->account->cryptod->event, &q, on_saved, t, &t->job);
        }
        cleanup_close(&t->output);
        t->output = -1;
        if (fd < 0)
                (void) sd_bus_error_setf(&error, ERROR_STORAGE, "relayd does not hand out the file: %s", why);
        else if (r < 0)
                (void) sd_bus_error_setf(&error, ERROR_BUSY, "The file cannot be opened now: %s. Save it again.",
                                         strerror(-r));
        if (error.name)
                end_saving(t, &error);
}

static int on_saver_gone(sd_bus_track *track, void *userdata)
{
        struct transfer *t = userdata;

        t->job = file_job_free(t->job);
        t->saver = sd_bus_track_unref(t->saver);
        cleanup_close(&t->output);
        t->output = -1;
        return 1; /* 0 would have it called again and again */
}

int transfer_save(struct transfer *t, sd_bus_message *m, int output, uint64_t offset)
{
        int r;

        if (t->saver)
                return -EBUSY;
        t->output = fcntl(output, F_DUPFD_CLOEXEC, 3);
        if (t->output < 0)
                return -errno;
        t->offset = offset;
        r = sd_bus_track_new(t->account->cryptod->bus, &t->saver, on_saver_gone, t);
        if (r >= 0)
                r = sd_bus_track_add_sender(t->saver, m);
        if (r >= 0)
                r = transfer_ask_content(t);
        if (r < 0) {
                t->saver = sd_bus_track_unref(t->saver);
                cleanup_close(&t->output);
                t->output = -1;
        }
        return r;
}

/* -- both ---------------------------------------------------------------------------------------------------------- */

int transfer_cancel(struct transfer *t)
{
        int r = erase(t->account, &t->record);

        if (r >= 0)
                transfer_end(t);
        return r;
}

static void on_unknown(struct transfer *t)
{
        int r;

        if (t->record.sends) {
                transfer_fail(t, RELAY_LOST_IT);
                return;
        }
        r = transfer_download(t); /* it was stored here, and relayd was not asked yet */
        if (r < 0)
                transfer_fail(t, "relayd cannot be asked for the file: %s. Resume it.", strerror(-r));
}

static void on_done(struct transfer *t)
{
        if (!t->record.sends)
                set_state(t, TRANSFER_READY, NULL);
        else if (t->record.whole && transfer_ask_names(t) < 0)
                transfer_fail(t, "relayd cannot be asked for the file's chunks. Resume it.");
}

void transfer_seen(struct transfer *t, const char *state, const char *error, double progress, uint64_t rate)
{
        if (t->job && t->record.sends && state && strcmp(state, "failed") != 0)
                return; /* it is still being sealed */
        if (!state) {
                on_unknown(t);
                return;
        }
        t->progress = progress;
        t->rate = rate;
        if (strcmp(state, "done") == 0)
                on_done(t);
        else if (strcmp(state, "failed") == 0)
                transfer_fail(t, "%s", error);
        else if (strcmp(state, "paused") == 0)
                set_state(t, TRANSFER_PAUSED, error);
        else
                set_state(t, strcmp(state, "running") == 0 ? TRANSFER_RUNNING : TRANSFER_WAITING, error);
}
