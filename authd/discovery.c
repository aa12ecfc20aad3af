/* See discovery.h. */
#include "authd/discovery.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "authd/device.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/text.h"

#define VIDEO "-video-index"

static const uint64_t QUIET_USEC = 400 * 1000; /* a camera has several files, and takes a moment to be ready */

struct discovery {
        char *directory;
        struct discovered found[DISCOVERED_MAX];
        unsigned count;
        sd_event *event;
        sd_event_source *watch, *quiet;
        void (*changed)(void *userdata);
        void *userdata;
};

const struct discovered *discovery_list(const struct discovery *d, unsigned *out_count)
{
        *out_count = d->count;
        return d->found;
}

static int is_camera(const struct dirent *e)
{
        return strstr(e->d_name, VIDEO) != NULL && utf8_valid(BYTES_STRING(e->d_name));
}

/* "usb-ACME_Camera_1234-video-index0" is ACME_Camera_1234, its second one ACME_Camera_1234:2. */
static void name_camera(const char *file, char out[static CAMERA_NAME_MAX + 1])
{
        const char *start = strncmp(file, "usb-", 4) == 0 ? file + 4 : file;
        const char *index = strstr(start, VIDEO) + strlen(VIDEO);
        int length = (int) (index - start - (long) strlen(VIDEO)), room = CAMERA_NAME_MAX - 4;

        (void) snprintf(out, CAMERA_NAME_MAX + 1, "%.*s%s%.3s", length < room ? length : room, start,
                        strcmp(index, "0") == 0 ? "" : ":", strcmp(index, "0") == 0 ? "" : index);
}

static void add(struct discovery *d, const char *file)
{
        struct discovered *f = &d->found[d->count];
        _cleanup_close_ int fd = -1;

        memset(f, 0, sizeof(*f)); /* they are compared as a whole */
        if (snprintf(f->path, sizeof(f->path), "%s/%s", d->directory, file) >= (int) sizeof(f->path) ||
            device_open(f->path, &fd) < 0)
                return;
        name_camera(file, f->name);
        f->infrared = device_infrared(fd);
        d->count++;
}

static void look(struct discovery *d)
{
        struct dirent **entry = NULL;
        int n = scandir(d->directory, &entry, is_camera, alphasort);

        d->count = 0;
        for (int i = 0; i < n; i++) {
                if (d->count < DISCOVERED_MAX)
                        add(d, entry[i]->d_name);
                free(entry[i]);
        }
        free(entry);
}

static int on_event(sd_event_source *source, const struct inotify_event *e, void *userdata)
{
        struct discovery *d = userdata;

        (void) sd_event_source_set_time_relative(d->quiet, QUIET_USEC);
        return sd_event_source_set_enabled(d->quiet, SD_EVENT_ONESHOT);
}

/* While the folder is not there, the one in which it, or the one above it, will be made is watched. */
static int watch(struct discovery *d)
{
        _cleanup_free_ char *path = strdup(d->directory);
        int r = path ? -ENOENT : -ENOMEM;

        d->watch = sd_event_source_disable_unref(d->watch);
        while (r == -ENOENT) {
                r = sd_event_add_inotify(d->event, &d->watch, *path ? path : "/",
                                         IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE_SELF |
                                                 IN_MOVE_SELF | IN_ONLYDIR,
                                         on_event, d);
                char *slash = strrchr(path, '/');

                if (!slash)
                        break;
                *slash = '\0';
        }
        return r < 0 ? r : 0;
}

static int on_quiet(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct discovery *d = userdata;
        unsigned before_count = d->count;
        struct discovered *before = malloc(sizeof(d->found));
        int r = watch(d);

        if (!before)
                return -ENOMEM;
        memcpy(before, d->found, sizeof(d->found));
        if (r < 0)
                log_error("Cameras that are plugged in later will not be noticed: %s cannot be watched (%s).",
                          d->directory, strerror(-r));
        look(d);
        if (d->count != before_count || memcmp(before, d->found, d->count * sizeof(*before)) != 0)
                d->changed(d->userdata);
        free(before);
        return 0;
}

int discovery_new(sd_event *event, const char *directory, void (*changed)(void *userdata), void *userdata,
                  struct discovery **out)
{
        struct discovery *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->event = sd_event_ref(event);
        d->changed = changed;
        d->userdata = userdata;
        d->directory = strdup(directory);
        int r = d->directory ? watch(d) : -ENOMEM;

        if (r >= 0)
                r = sd_event_add_time_relative(event, &d->quiet, CLOCK_MONOTONIC, 0, 0, on_quiet, d);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->quiet, SD_EVENT_OFF);
        if (r < 0) {
                discovery_free(d);
                return r;
        }
        look(d); /* after the watch has begun, so that nothing is missed */
        *out = d;
        return 0;
}

struct discovery *discovery_free(struct discovery *d)
{
        if (!d)
                return NULL;
        sd_event_source_disable_unref(d->watch);
        sd_event_source_disable_unref(d->quiet);
        sd_event_unref(d->event);
        free(d->directory);
        free(d);
        return NULL;
}
