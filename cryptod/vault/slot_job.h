/* Opening or making a slot beside the event loop: Argon2id takes half a second, a factor may come through a pipe, and
 * the loop has a watchdog and other people. */
#pragma once

#include <systemd/sd-event.h>

#include "cryptod/vault/slot.h"

struct slot_job;

struct slot_request {
        struct bytes slot;    /* the encoded slot to open; empty: one is made, with a new vault key */
        struct bytes account; /* copied, as the slot is */
        struct secret *face_secret;
        int factor;                          /* memfd or pipe with the second factor; duplicated */
        struct argon2_parameters parameters; /* for a new slot; memory 0: calibrated first */
        uint64_t target_usec, created;       /* what calibration aims at; the date in a new slot */
};

struct slot_result {
        struct secret *vault_key; /* the callback takes it, or leaves it to be wiped */
        struct bytes slot;        /* that was made */
        struct argon2_parameters parameters;
};

/* @result: 0; -EKEYREJECTED and the other errors of slot_open() and slot_make(); those of secret_from_fd() about the
 * factor; -EINVAL for a factor that is too short. The job ends with the callback and must still be freed. */
typedef void (*slot_job_done)(int result, struct slot_result *r, void *userdata);

/* Starts. The face secret passes over also if this fails. @done comes once, from the loop. -EBADMSG if the slot is
 * malformed; -EAGAIN if no thread can be had; what fcntl(2) and sd_event_add_io(3) return. */
int slot_job_start(sd_event *event, const struct slot_request *request, slot_job_done done, void *userdata,
                   struct slot_job **out);

/* Ends it. If it is still running, @done never comes, and what the thread finds is wiped there. NULL is allowed.
 * Returns NULL. */
struct slot_job *slot_job_free(struct slot_job *j);
