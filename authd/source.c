/* See source.h. */
#include "authd/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authd/pipe_source.h"
#include "authd/vision/picture.h"
#include "services/bytes.h"
#include "services/cleanup.h"
#include "services/file.h"

enum { PICTURES_MAX = 1000, VIDEO_RATE_MAX = 60, FOLDER_SIZE_MAX = 256 * 1024 * 1024 };

struct source {
        const struct camera *camera;
        struct capture *capture;  /* v4l2, video */
        struct pipe_source *pipe; /* pipe */
        struct writer *picture;   /* folder: whole files, sorted by name */
        int pictures, next;
        double rate;
        uint64_t due;    /* when a file shows its next picture, microseconds of CLOCK_MONOTONIC */
        unsigned missed; /* pictures of a video that were not looked at in time */
};

static int is_picture(const struct dirent *e)
{
        return e->d_name[0] != '.';
}

static int read_file(const char *folder, const char *name, size_t max, struct writer *out)
{
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", folder, name) < 0)
                return -ENOMEM;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        int r = fd < 0 ? -errno : file_read(fd, max, out);

        return r == -ENODATA || r == -EINVAL ? 0 : r; /* an empty file, a folder: no picture, which is found later */
}

/* All of it at once: while pictures are decoded there is no file system. */
static int open_folder(struct source *s, const char *path)
{
        struct dirent **entry;
        int count = scandir(path, &entry, is_picture, alphasort), r = 0;
        size_t left = FOLDER_SIZE_MAX;

        if (count < 0)
                return -errno;
        if (count == 0 || count > PICTURES_MAX)
                r = count == 0 ? -ENOENT : -EFBIG;
        else if (!(s->picture = calloc((size_t) count, sizeof(*s->picture))))
                r = -ENOMEM;
        for (int i = 0; i < count; i++) {
                if (r >= 0) {
                        s->pictures = i + 1;
                        r = read_file(path, entry[i]->d_name, left, &s->picture[i]);
                        left -= s->picture[i].size;
                }
                free(entry[i]);
        }
        free(entry);
        return r;
}

static int open_kind(struct source *s, const struct camera *c)
{
        switch (c->kind) {
        case CAMERA_V4L2:
                return capture_open_device(c->path, c->width, c->height, c->rate, &s->capture);
        case CAMERA_VIDEO: {
                double own = 0;
                int r = capture_open_video(c->path, &own, &s->capture);

                if (r >= 0 && own >= 1 && own <= VIDEO_RATE_MAX)
                        s->rate = own;
                return r;
        }
        case CAMERA_FOLDER:
                return open_folder(s, c->path);
        case CAMERA_PIPE:
                return pipe_source_open(c->path, c->width, c->height, &s->pipe);
        }
        return -EINVAL;
}

int source_open(const struct camera *c, struct source **out)
{
        struct source *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->camera = c;
        s->rate = c->rate;
        int r = open_kind(s, c);

        if (r < 0) {
                source_close(s);
                return r;
        }
        *out = s;
        return 0;
}

struct source *source_close(struct source *s)
{
        if (!s)
                return NULL;
        capture_close(s->capture);
        pipe_source_close(s->pipe);
        for (int i = 0; i < s->pictures; i++)
                writer_release(&s->picture[i]);
        free(s->picture);
        free(s);
        return NULL;
}

/* Files would be read faster than they were taken. */
static int keep_pace(struct source *s, int stop)
{
        struct pollfd fd = { .fd = stop, .events = POLLIN };
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        uint64_t now = (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
        uint64_t wait = s->due > now ? s->due - now : 0;

        if (poll(&fd, 1, (int) ((wait + 999) / 1000)) > 0)
                return -EAGAIN;
        s->missed = s->due > 0 && now > s->due ? (unsigned) ((double) (now - s->due) * s->rate / 1e6) : 0;
        s->due = (wait > 0 ? s->due : now) + (uint64_t) (1e6 / s->rate);
        return 0;
}

static int read_picture(struct source *s, struct frame *out)
{
        int r = picture_decode(writer_bytes(&s->picture[s->next]), out);

        s->next = (s->next + 1) % s->pictures;
        return r < 0 ? r : picture_fit(out, s->camera->width, s->camera->height);
}

int source_read(struct source *s, int stop, struct frame *out)
{
        int r;

        switch (s->camera->kind) {
        case CAMERA_V4L2:
                return capture_read(s->capture, 0, out);
        case CAMERA_VIDEO:
                r = keep_pace(s, stop);
                return r < 0 ? r : capture_read(s->capture, s->missed, out);
        case CAMERA_FOLDER:
                r = keep_pace(s, stop);
                return r < 0 ? r : read_picture(s, out);
        case CAMERA_PIPE:
                return pipe_source_read(s->pipe, stop, out);
        }
        return -EINVAL;
}
