/* What the hub has its store do: requests that wait, those of them that run as one batch, and who is told of the end.
 *
 *     work_submit() ──▶ queue ──a batch, one transaction──▶ committer's thread ──▶ store
 *                                       │
 *                       done(job) ◀─────┘    drained() once less waits than too much
 *
 * What puts a chunk of a file waits apart, so that messages overtake it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "committer.h"
#include "relayd/link/frame.h"
#include "store/store.h"

struct session;
struct work;

/* One request of a session, or of the owner, on its way through the store. */
struct job {
        struct store_request store;
        struct session *session; /* NULL once the session is gone; the request is run all the same */
        void (*done)(void *userdata, const struct store_request *request); /* the owner's; may be NULL */
        void *userdata;
        struct job *next;
        uint8_t type;
        uint32_t request;
        uint8_t signature[WIRE_SIGNATURE_SIZE]; /* AUTHENTICATE */
        uint8_t *entry; /* SEND_TO_ROOM: what it becomes for the others; LIST_ROOMS: their names */
        size_t entry_size;
        size_t body_size;
        uint8_t body[]; /* the frame's, which the views in @store point into */
};

/* A job with a copy of the frame's body; -ENOMEM. To be given to work_submit() or job_free(). */
int job_new(struct session *s, const struct frame *frame, struct job **out);
void job_free(struct job *j);

/* Done: a job has been run; it is freed afterwards. Drained: less waits than too much, after work_is_full() has said
 * so. Both are called from the loop. */
struct work_handlers {
        void (*done)(void *userdata, struct job *j);
        void (*drained)(void *userdata);
};

/* @store must outlive the work. An errno. */
int work_new(sd_event *event, struct store *store, const struct work_handlers *handlers, void *userdata,
             struct work **out);

/* Lets a batch that is under way end, and tells nobody. What waits is dropped: it is not answered either, so its
 * senders repeat it. Returns NULL. */
struct work *work_free(struct work *w);

/* Takes over a job for a coming batch. */
void work_submit(struct work *w, struct job *j);

/* Jobs of a session that ends are run without it; those of an owner who has left tell nobody. */
void work_forget_session(struct work *w, const struct session *s);
void work_forget_owner(struct work *w, const void *userdata);

/* So much waits that nobody should ask for more, or, with @putting, nobody who is putting chunks. */
bool work_is_full(struct work *w, bool putting);

/* For the store, as soon as it is not busy. */
void work_set_limits(struct work *w, const struct store_limits *limits);

size_t work_queued(const struct work *w); /* bytes that wait */
struct committer_figures work_figures(const struct work *w);
