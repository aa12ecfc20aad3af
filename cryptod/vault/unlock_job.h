/* Opening a slot beside the event loop: Argon2id takes half a second, and the loop has a watchdog and other people. */
#pragma once

#include <systemd/sd-event.h>

#include "cryptod/vault/slot.h"

struct unlock_job;

/* @result: 0, or what slot_open() returned. @vault_key passes to the callback; NULL with an error. The job ends with it
 * and must still be freed. */
typedef void (*unlock_job_done)(int result, struct secret *vault_key, void *userdata);

/* Starts to open an encoded slot (which is copied). The factors pass over also if this fails. @done comes once, from
 * the loop. -EBADMSG if the slot is malformed; -EAGAIN if no thread can be had; what sd_event_add_io(3) returns. */
int unlock_job_start(sd_event *event, struct bytes slot, struct bytes account, struct secret *face_secret,
                     struct secret *factor, unlock_job_done done, void *userdata, struct unlock_job **out);

/* Ends it. If it is still running, @done never comes, and what the thread finds is wiped there. NULL is allowed.
 * Returns NULL. */
struct unlock_job *unlock_job_free(struct unlock_job *j);
