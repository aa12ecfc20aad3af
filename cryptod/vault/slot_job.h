/* Opening or making a slot beside the event loop: Argon2id takes half a second, a factor may come through a pipe, and
 * the loop has a watchdog and other people. */
#pragma once

#include <systemd/sd-event.h>

#include "cryptod/vault/slot.h"

struct slot_job;

/* What is opened, and what is made with it. All but descriptors, which are duplicated, and secrets, which pass over, is
 * copied. */
struct slot_request {
        struct bytes account;
        struct bytes slots; /* encoded, one after the other, all of one kind; the first that opens counts. Empty:
                             * a new vault key */
        struct secret *face_secret; /* NULL: without a face */
        int factor;                 /* a memfd or pipe; for a recovery slot with its words */
        enum slot_kind new_kind;    /* 0: no slot is made */
        int new_factor;             /* -1: the same factor; for a recovery slot a code is made */
        struct bytes label;
        uint64_t created;
        struct argon2_parameters parameters; /* for a new slot; memory 0: calibrated first */
        uint64_t target_usec;                /* what calibration aims at; 0: what is opened is not raised */
};

struct slot_result {
        struct secret *vault_key; /* the callback takes it, or leaves it to be wiped */
        unsigned opened;          /* index of the slot that opened */
        struct bytes slot;   /* that was made; or, without new_kind, the one that opened with higher costs, if it is
                              * cheap on this machine by now */
        struct secret *code; /* the words of a recovery code that was made; as vault_key */
        struct argon2_parameters parameters;
};

/* @result: 0; -EKEYREJECTED and the other errors of slot_open() and slot_make(); those of secret_from_fd() about a
 * factor; -EINVAL for one that is too short; -ERANGE for a new one that is too easy (factor_strength.h); -EBADMSG for
 * words that are no recovery code. The job ends with the callback and must still be freed. */
typedef void (*slot_job_done)(int result, struct slot_result *r, void *userdata);

/* Starts. The face secret passes over also if this fails. @done comes once, from the loop. -EBADMSG if the slot is
 * malformed; -EAGAIN if no thread can be had; what fcntl(2) and sd_event_add_io(3) return. */
int slot_job_start(sd_event *event, const struct slot_request *request, slot_job_done done, void *userdata,
                   struct slot_job **out);

/* Ends it. If it is still running, @done never comes, and what the thread finds is wiped there. NULL is allowed.
 * Returns NULL. */
struct slot_job *slot_job_free(struct slot_job *j);

/* Waits until the threads of all jobs, freed ones too, have ended and wiped what they had: for the end of the process.
 */
void slot_job_wait_all(void);
