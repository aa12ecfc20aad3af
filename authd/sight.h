/* Sight: a thread beside the event loop that opens a camera, takes pictures, shows them in the preview and has the
 * networks look at them. The loop has a watchdog and other people; a driver may hang, and a network takes its time.
 *
 *     sight_start() ─▶ seen() … seen() ─▶ sight_stop(), or the camera fails ─▶ closed() ─▶ sight_free()
 *
 * Pictures that come faster than they can be looked at are left out. */
#pragma once

#include <systemd/sd-event.h>

#include "authd/camera.h"
#include "authd/models.h"
#include "authd/vision/vision.h"

struct sight;

struct sight_events {
        /* A picture was looked at. Not after sight_stop(). */
        void (*seen)(void *userdata, const struct observation *o);
        /* The camera is closed now and the preview wiped. @error: 0 after sight_stop(), else why there are no pictures:
         * what source_open() and source_read() return, -EBADMSG also if the networks cannot be parsed. Comes once; the
         * sight must then be freed, and may be here. */
        void (*closed)(void *userdata, int error);
};

/* Starts the thread. @camera and @models must outlive the sight; @wanted (OBSERVE_…) is what to look for. -ENOMEM,
 * -EAGAIN if no thread can be had; what eventfd(2) and preview_new() return. */
int sight_start(sd_event *event, const struct camera *camera, const struct models *models, unsigned wanted,
                const struct sight_events *events, void *userdata, struct sight **out);

/* What to look for from the next picture on. */
void sight_want(struct sight *s, unsigned wanted);

/* A read-only file descriptor of the preview, which is filled from now on; the caller closes it. What preview_open()
 * returns. */
int sight_preview(struct sight *s, int *out);

/* Asks the thread to end; closed() follows. */
void sight_stop(struct sight *s);

/* Stops and waits, at most some seconds, for the camera to be closed. closed() does not follow any more. NULL is
 * allowed. Returns NULL. */
struct sight *sight_free(struct sight *s);
