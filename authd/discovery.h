/* Discovery: which cameras are plugged in, found by the names that udev gives them in /dev/v4l/by-id and that stay.
 *
 *     something comes or goes ─▶ (a moment of quiet) ─▶ look again ─▶ changed(), if another camera is there than before
 *
 * The folder itself is watched (inotify(7)), not udev's socket: authd has a network namespace of its own, into which no
 * such news comes. */
#pragma once

#include <limits.h>
#include <systemd/sd-event.h>

#include "authd/camera.h"

struct discovery;

/* A camera that is there. */
struct discovered {
        char name[CAMERA_NAME_MAX + 1]; /* made of its file's, without "usb-" and "-video-index0" */
        char path[PATH_MAX];
        bool infrared;
};

enum { DISCOVERED_MAX = 16 };

/* Looks into @directory, an absolute path which need not be there yet, and watches it; @changed is not called for what
 * is found at once. -ENOMEM; what inotify_add_watch(2) says. */
int discovery_new(sd_event *event, const char *directory, void (*changed)(void *userdata), void *userdata,
                  struct discovery **out);

/* NULL is allowed. Returns NULL. */
struct discovery *discovery_free(struct discovery *d);

/* What is there, sorted by name. Valid until changed() is called. */
const struct discovered *discovery_list(const struct discovery *d, unsigned *out_count);
