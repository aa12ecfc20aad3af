/* See source.h. */
#include "authd/source.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authd/pipe_source.h"
#include "authd/vision/picture.h"
#include "services/cleanup.h"

enum { PICTURES_MAX = 1000, VIDEO_RATE_MAX = 60 };

struct source {
        const struct camera *camera;
        struct capture *capture;  /* v4l2, video */
        struct pipe_source *pipe; /* pipe */
        struct dirent **picture;  /* folder: sorted by name */
        int pictures, next;
        double rate;
        uint64_t due; /* when a file shows its next picture, microseconds of CLOCK_MONOTONIC */
};

static int is_picture(const struct dirent *e)
{
        return e->d_name[0] != '.';
}

static int open_folder(struct source *s, const char *path)
{
        s->pictures = scandir(path, &s->picture, is_picture, alphasort);
        if (s->pictures < 0)
                return -errno;
        return s->pictures == 0 ? -ENOENT : s->pictures > PICTURES_MAX ? -EFBIG : 0;
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
                free(s->picture[i]);
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
        s->due = (wait > 0 ? s->due : now) + (uint64_t) (1e6 / s->rate);
        return 0;
}

static int read_picture(struct source *s, struct frame *out)
{
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", s->camera->path, s->picture[s->next]->d_name) < 0)
                return -ENOMEM;
        s->next = (s->next + 1) % s->pictures;
        int r = picture_read(path, out);

        return r < 0 ? r : picture_fit(out, s->camera->width, s->camera->height);
}

int source_read(struct source *s, int stop, struct frame *out)
{
        int r;

        switch (s->camera->kind) {
        case CAMERA_V4L2:
                return capture_read(s->capture, out);
        case CAMERA_VIDEO:
                r = keep_pace(s, stop);
                return r < 0 ? r : capture_read(s->capture, out);
        case CAMERA_FOLDER:
                r = keep_pace(s, stop);
                return r < 0 ? r : read_picture(s, out);
        case CAMERA_PIPE:
                return pipe_source_read(s->pipe, stop, out);
        }
        return -EINVAL;
}
