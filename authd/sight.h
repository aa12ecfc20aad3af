/* Sight: a process beside authd that opens a camera, takes pictures, shows them in the preview and has the networks
 * look at them (looker.c). It has no file system and next to no system calls, and passes back numbers only, which are
 * checked; its crash costs one attempt, and when nobody is looked at there is none.
 *
 *     sight_start() ─▶ seen() … seen() ─▶ sight_stop(), or the camera fails ─▶ closed() ─▶ sight_free()
 *
 * Pictures that come faster than they can be looked at are left out. */
#pragma once

#include <systemd/sd-event.h>

#include "authd/camera.h"
#include "authd/vision/vision.h"

struct sight;

struct sight_events {
        /* A picture was looked at. Not after sight_stop(). */
        void (*seen)(void *userdata, const struct observation *o);
        /* The process has ended, so the camera is closed, and the preview is wiped. @error: 0 after sight_stop(); why
         * there are no pictures: what source_open() and source_read() return, -EBADMSG also if the networks cannot be
         * parsed; -ECHILD if the process crashed or said what cannot be. Comes once; the sight must then be freed, and
         * may be here. */
        void (*closed)(void *userdata, int error);
};

/* Reads and checks the networks that @manifest names in the folder @models (models_load()) and starts the process.
 * @camera must outlive the sight; @wanted (OBSERVE_…) is what to look for. Errors of models_load(); -ENOMEM; what
 * fork(2), socketpair(2) and preview_new() return. */
int sight_start(sd_event *event, const struct camera *camera, const char *models, const struct manifest *manifest,
                unsigned wanted, const struct sight_events *events, void *userdata, struct sight **out);

/* What to look for from the next picture on. */
void sight_want(struct sight *s, unsigned wanted);

/* A read-only file descriptor of the preview, which is filled from now on; the caller closes it. -EAGAIN before the
 * process is ready; what preview_open() returns. */
int sight_preview(struct sight *s, int *out);

/* Ends the process; closed() follows. */
void sight_stop(struct sight *s);

/* Ends it and waits, at most some seconds. closed() does not follow any more. NULL is allowed. Returns NULL. */
struct sight *sight_free(struct sight *s);
