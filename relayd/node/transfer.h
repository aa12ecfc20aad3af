/* A transfer: a file on its way between the spool and the hub, in chunks that are encrypted already.
 *
 *     upload:    RECEIVING ─(all is in the spool and named)─▶ WAITING ◀─▶ RUNNING ─▶ DONE: the hub has it
 *     download:                                              WAITING ◀─▶ RUNNING ─▶ DONE: the spool has it
 *                                                               ▲  │        │
 *                                                    (resumed)  │  ▼        ▼
 *                                                             PAUSED, FAILED
 *
 * RUNNING while the link is up; WAITING for the link, or because the hub asked for patience. A transfer survives
 * restarts of both sides once it has left RECEIVING: how far an upload has come is asked of the hub, how far a download
 * has come is seen in the spool, whose chunks are compared with their names. */
#pragma once

#include "account.h"
#include "allowance.h"
#include "intake.h"
#include "relayd/link/chunk.h"
#include "transfer_rows.h"

enum {
        TRANSFERS_MAX = 256, /* of one account */
        TRANSFER_CHUNKS_MAX = 65536,
        TRANSFER_FILE_MAX = 24 + 2 * TRANSFER_ID_SIZE,
};

enum transfer_state {
        TRANSFER_RECEIVING,
        TRANSFER_WAITING,
        TRANSFER_RUNNING,
        TRANSFER_PAUSED,
        TRANSFER_DONE,
        TRANSFER_FAILED,
};

/* What is known of a chunk. */
enum part {
        PART_UNKNOWN, /* whether the hub, or the spool, has it */
        PART_ASKED,   /* the hub is asked whether it has it */
        PART_MISSING,
        PART_UNDER_WAY,
        PART_DONE,
};

struct transfer {
        struct transfer *next;
        struct account *account;
        struct transfer_row row;
        bool settling;         /* it is over, once that is on disk */
        struct intake *intake; /* while RECEIVING */
        int fd;                /* the file in the spool, -1 when it is gone */
        uint8_t *names, *parts;
        uint32_t count, done;
        uint32_t cursor; /* all chunks before it are under way or done */
        bool looked;     /* a download: the spool has been compared with the names */
        struct pace pace;
        sd_event_source *retry; /* while the hub is given time */
        unsigned failures;
        char sentence[WIRE_SENTENCE_MAX + 1]; /* why it was given time */
        sd_bus_slot *object, *gate;
        sd_event_source *report;
};

/* Takes up all transfers of the ledger again, and drops what is left over in the spool. */
int transfers_load(struct node *n);

/* The account's transfer of that id, or NULL. */
struct transfer *transfer_find(struct account *a, const uint8_t id[static TRANSFER_ID_SIZE]);

/* Starts one. transfer_upload() takes over @from, a pipe or stream socket, also on error. -E2BIG if there are too many,
 * -EDQUOT if the spool has no room for the account, -EINVAL if @from is no pipe, or what the spool and the ledger say.
 */
int transfer_upload(struct account *a, const uint8_t id[static TRANSFER_ID_SIZE], int from, struct transfer **out);
int transfer_download(struct account *a, const uint8_t id[static TRANSFER_ID_SIZE], struct bytes names,
                      struct transfer **out);

/* Answer when that is on disk. Resuming also tries again what was given up; -ENODATA if that has no file. */
int transfer_pause(struct transfer *t);
int transfer_resume(struct transfer *t);

/* Ends and forgets it, with its file in the spool; what the hub has of an upload that is not done is withdrawn, as
 * soon as the link is up. Frees @t. */
int transfer_cancel(struct transfer *t);

/* Frees it as it is, for the next start. Returns NULL. */
struct transfer *transfer_free(struct transfer *t);

enum transfer_state transfer_state(const struct transfer *t);
const char *transfer_error(const struct transfer *t); /* "" if nothing is wrong */
uint64_t transfer_rate(struct transfer *t);           /* bytes a second */
void transfer_file(const struct transfer *t, char out[static TRANSFER_FILE_MAX]);

/* Does for an account's transfers what can be done now. account_run() calls it while the link is up. */
void transfers_run(struct account *a);

/* The account is gone, and its rows with it: so are its transfers and their files. */
void transfers_forget(struct account *a);

/* Frees what an account has of them. */
void transfers_release(struct account *a);

/* upload.c, download.c: the next request, or the next look into the spool; false if there is nothing to do now. And
 * what the hub has answered about the chunks from @first on. */
bool upload_step(struct transfer *t);
void upload_answered(struct transfer *t, enum frame_type type, uint32_t first, uint32_t count, struct bytes answer);
bool download_step(struct transfer *t);
void download_answered(struct transfer *t, uint32_t index, struct bytes answer);

/* transfer.c, for the files beside it. */
size_t transfer_part_size(const struct transfer *t, uint32_t index);      /* of a chunk in the spool; 0: none there */
void transfer_part_done(struct transfer *t, uint32_t index, size_t size); /* it is where it belongs */
void transfer_give_up(struct transfer *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void transfer_drop_file(struct transfer *t);

/* transfer_errand.c. Asks the hub about @count chunks from @first on. */
bool transfer_ask(struct transfer *t, enum frame_type type, struct writer *body, uint32_t first, uint32_t count);
bool transfer_may_move(struct transfer *t); /* the bandwidth and the number of chunks under way allow one more */
void transfer_part_moved(struct transfer *t, uint32_t index, size_t size); /* it has just come or gone, and is done */
void transfer_leave_errands(struct transfer *t); /* it is freed: nobody is told of the answers */
void errands_release(struct account *a);

/* transfer_object.c: exports im.visavis.Relay1.Transfer, tells of changes soon, and of its end. */
int transfer_object_export(struct transfer *t);
void transfer_object_path(const struct transfer *t, char *out, size_t size);
void transfer_object_changed(struct transfer *t);
void transfer_object_remove(struct transfer *t);

/* transfers_object.c: exports im.visavis.Relay1.Transfers with its object manager. The gate is to be added to each
 * object (sd_bus_add_object(3), with the node): only cryptod and root get past it. */
int transfers_export(struct node *n);
int transfers_gate(sd_bus_message *m, void *userdata, sd_bus_error *error);
