/* Sealing or opening a file beside the event loop: what is read or written may be slow, or never answer. */
#pragma once

#include <systemd/sd-event.h>

#include "cryptod/files/sealed_stream.h"

/* Of one Unix user at a time, and of all: also those that were freed and whose thread hangs in a file. */
enum { FILE_JOBS_OF_USER = 4, FILE_JOBS = 16 };

/* Send: seals under a message's key and pads for a transfer. Receive: opens such a file. Copy: as it is. */
enum file_action { FILE_SEAL, FILE_OPEN, FILE_SEND, FILE_RECEIVE, FILE_COPY, FILE_SEAL_LEGACY, FILE_OPEN_LEGACY };

struct file_request {
        enum file_action action;
        uid_t uid;                     /* whose job it is */
        int input, output, passphrase; /* duplicated; the last for the legacy envelope, else -1 */
        uint64_t offset;               /* of FILE_OPEN and FILE_RECEIVE */
        uint64_t size;                 /* of the content, of FILE_RECEIVE */
        /* All of these pass over, also on error. */
        struct sealed_file *file;    /* of FILE_SEAL, with its head: sealed_stream.h */
        struct writer head;          /* the same */
        struct secret *wrapping_key; /* of the other sealed files */
        struct cover_key *cover_key; /* of FILE_OPEN */
};

struct file_job;

/* @result: 0, a flaw, or a negative errno as sealed_stream.h says. @authenticated: false for a legacy envelope that was
 * opened and has no MAC. The job ends with the callback and must still be freed. */
typedef void (*file_job_done)(int result, bool authenticated, void *userdata);

/* Frees what would have passed over. */
void file_request_release(struct file_request *q);

/* Starts. @done comes once, from the loop. -EBUSY if there are too many; -EAGAIN if no thread can be had; fcntl(2)'s,
 * eventfd(2)'s and sd_event_add_io(3)'s errors. */
int file_job_start(sd_event *event, struct file_request *request, file_job_done done, void *userdata,
                   struct file_job **out);

/* Bytes of content that are done. */
uint64_t file_job_progress(const struct file_job *j);

/* Once it is done: what the cover of an opened file says; NULL if it has none. Borrowed. */
const struct cover_content *file_job_cover(const struct file_job *j);

/* Ends it: its keys are wiped at once, and if it is still running, @done never comes. NULL is allowed. Returns NULL. */
struct file_job *file_job_free(struct file_job *j);

/* Waits until the threads of all jobs, freed ones too, have ended, a second at most, for one may hang in a file: for
 * the end of the process. */
void file_job_wait_all(void);
