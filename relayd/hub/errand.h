/* An errand: work that takes its time, done in a thread beside the event loop.
 *
 *     loop:    errand_start() ──▶ … ──▶ done() ──▶ errand_free()
 *     thread:        └──▶ work() ──────────▲  */
#pragma once

#include <systemd/sd-event.h>

struct errand;

/* Calls @work in a thread of its own, then @done from the loop. -ENOMEM, or errors of eventfd(2), pthread_create(3). */
int errand_start(sd_event *event, void (*work)(void *userdata), void (*done)(void *userdata), void *userdata,
                 struct errand **out);

/* Waits until the work has ended; done() is not called any more. Returns NULL. */
struct errand *errand_free(struct errand *e);
