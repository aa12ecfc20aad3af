/* A transfer: a file on its way from this machine into a conversation, or from a message of one to this machine.
 *
 *     to the hub:   SEALING ─▶ WAITING ◀─▶ RUNNING ─▶ the message is sent, and the transfer is gone
 *     from the hub:            WAITING ◀─▶ RUNNING ─▶ READY ─(saved)─▶ gone
 *                                 ▲  │        │
 *                              PAUSED, FAILED (may be resumed)
 *
 * relayd moves what is sealed, and knows where it stands; the vault remembers whose file it is and its key
 * (conversation/transfer_record.h). What belongs together is found by the id, which both use. A file that was not
 * whole with relayd when this daemon stopped or the account locked has failed: its key is not used again. */
#pragma once

#include "cryptod/account.h"
#include "cryptod/conversation/transfer_record.h"
#include "cryptod/files/file_job.h"

enum { TRANSFERS_OF_ACCOUNT_MAX = 64 };

enum transfer_state {
        TRANSFER_SEALING,
        TRANSFER_WAITING,
        TRANSFER_RUNNING,
        TRANSFER_PAUSED,
        TRANSFER_READY,
        TRANSFER_FAILED,
};

struct transfer {
        struct transfer *next;
        struct account *account;
        struct transfer_record record;
        enum transfer_state state;
        char *error; /* why it has failed or waits, as a sentence; NULL: nothing is wrong */
        double progress;
        uint64_t rate;        /* bytes a second */
        uint64_t expected;    /* while it is sealed: the file's size, if it can be known; else 0 */
        struct file_job *job; /* which seals, or saves */
        sd_bus_track *saver;  /* for whom it saves */
        sd_bus_slot *asked;   /* what relayd is being asked */
        bool ask_again;       /* something has changed meanwhile */
        int output;           /* where it is to be saved, until that begins; else -1 */
        uint64_t offset;      /* from which on */
        sd_bus_slot *object, *gate;
        sd_event_source *report;
};

/* The vault was opened: takes its transfers up again; or locks: frees them. */
int transfers_open(struct account *a);
void transfers_close(struct account *a);

/* A message of @c was edited or erased, or with @message 0 any of it, or with @c NULL any at all: the file of one that
 * has gone is not fetched and not kept, and so its key is not. */
void transfers_message_changed(struct account *a, const struct conversation *c, uint64_t message);

/* relayd came back: looks where all stand. Or it has told that one has changed. */
void transfers_look(struct account *a);
void transfers_changed(struct account *a, struct bytes id);

/* Sends @content, with what @draft says of it (its views are copied). -EDQUOT: too many; -EBUSY: file_job_start(); what
 * pipe2(2), the vault and the bus say. */
int transfer_send(struct account *a, int content, const struct transfer_record *draft, struct transfer **out);

/* Fetches the file of a message; the transfer that does so already is the answer. -EDQUOT and as above. */
int transfer_receive(struct account *a, const struct conversation *c, uint64_t message, const struct file_part *part,
                     struct transfer **out);

/* Writes what is READY to @output, which is duplicated, from @offset of the content on; @m's sender is told of the end,
 * and if all was written, the transfer is gone. -EBUSY: it is being saved. */
int transfer_save(struct transfer *t, sd_bus_message *m, int output, uint64_t offset);

/* Ends and forgets it, in whatever state, here and at relayd. -EIO and the like: it is still there. */
int transfer_cancel(struct transfer *t);

/* transfer_relay.c: what relayd is asked. Look: where it stands. What comes of that is transfer_seen(). Call: a method
 * of the transfer's without arguments, whose answer goes to @m (NULL: nobody). */
int transfer_upload(struct transfer *t, int pipe);
int transfer_download(struct transfer *t);
void transfer_look(struct transfer *t);
int transfer_relay_call(struct transfer *t, const char *member, sd_bus_message *m);
int transfer_ask_names(struct transfer *t);
int transfer_ask_content(struct transfer *t);
void transfer_forget(struct account *a, const uint8_t id[static TRANSFER_ID_SIZE]);
void transfers_sweep(struct account *a); /* cancels those at relayd that nobody here knows */

/* relayd's answers. @state: as relayd says it; NULL: it does not know the transfer. */
void transfer_seen(struct transfer *t, const char *state, const char *error, double progress, uint64_t rate);
void transfer_named(struct transfer *t, struct bytes names);
void transfer_content(struct transfer *t, int fd, const char *error);
void transfer_fail(struct transfer *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* transfer_object.c: im.visavis.Crypto1.Transfer, which the holders of the unlock are told of. */
int transfer_object_export(struct transfer *t);
int transfer_object_path(const struct transfer *t, char *out, size_t size);
void transfer_object_changed(struct transfer *t);
void transfer_object_remove(struct transfer *t);
void transfer_object_saved(struct transfer *t, const sd_bus_error *error);
