/* The thread that writes: it runs one batch after the other while the event loop reads the next one's requests.
 *
 *     loop:    gather ──▶ committer_run() ──▶ gather the next … ◀── done() ──▶ answers
 *     thread:                   └──▶ store_run(), synced to disk ──┘
 *
 * So the time of a sync is not lost for encryption and parsing, and what arrives meanwhile is the next batch. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "store/store.h"

struct committer;

/* What it has done since it was started. */
struct committer_figures {
        uint64_t batches, requests, usec, usec_longest;
};

/* @done is called from the loop after each batch. @store must outlive the committer, and is written to by it alone. */
int committer_new(sd_event *event, struct store *store, void (*done)(void *userdata), void *userdata,
                  struct committer **out);

/* Waits for a batch that is under way, whose done() is not called any more. Returns NULL. */
struct committer *committer_free(struct committer *c);

/* Runs a batch (store.h); @requests is the committer's until done(). Not while one is under way. */
void committer_run(struct committer *c, struct store_request *const *requests, unsigned count);

bool committer_is_busy(const struct committer *c);
struct committer_figures committer_figures(const struct committer *c);
