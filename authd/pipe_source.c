/* See pipe_source.h. */
#include "authd/pipe_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "services/cleanup.h"

static const uint64_t WAIT_USEC = 500 * 1000;
static const uint64_t SILENCE_USEC = 8 * 1000;      /* between two frames */
static const uint64_t PAUSE_USEC = 100 * 1000;      /* within one: something is wrong */
static const uint64_t SEARCH_MAX_USEC = 600 * 1000; /* a writer without a rate has no silences */
static const int NO_WRITER_MSEC = 20;

struct pipe_source {
        int fd;
        unsigned width, height;
        size_t size, filled;
        uint8_t *pixels;
        bool searching;             /* for a silence; bytes are counted, but not kept */
        uint64_t searched, arrived; /* since when; when the last byte came */
};

static uint64_t now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

int pipe_source_open(const char *path, unsigned width, unsigned height, struct pipe_source **out)
{
        struct pipe_source *p = calloc(1, sizeof(*p));
        struct stat st;
        int r = 0;

        if (!p)
                return -ENOMEM;
        p->width = width;
        p->height = height;
        p->size = (size_t) width * height * FRAME_CHANNELS;
        p->searching = true;
        p->searched = p->arrived = now_usec();
        p->pixels = malloc(p->size);
        p->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (p->fd < 0 || fstat(p->fd, &st) < 0)
                r = -errno;
        else if (!S_ISFIFO(st.st_mode))
                r = -EINVAL;
        else if (!p->pixels)
                r = -ENOMEM;
        if (r < 0) {
                pipe_source_close(p);
                return r;
        }
        *out = p;
        return 0;
}

struct pipe_source *pipe_source_close(struct pipe_source *p)
{
        if (!p)
                return NULL;
        if (p->fd >= 0)
                close(p->fd);
        if (p->pixels)
                explicit_bzero(p->pixels, p->size);
        free(p->pixels);
        free(p);
        return NULL;
}

static void search(struct pipe_source *p, uint64_t now)
{
        p->searching = true;
        p->searched = now;
}

/* The pipe is empty for the moment. */
static void silent(struct pipe_source *p, uint64_t now)
{
        if (p->searching && now - p->arrived >= SILENCE_USEC) {
                p->searching = false;
                p->filled = 0;
        } else if (!p->searching && p->filled > 0 && now - p->arrived >= PAUSE_USEC) {
                search(p, now);
        }
}

/* Takes what is there: 1 if the pipe may hold more, 0 if it is empty, -EPIPE if nobody writes, or another error. */
static int take(struct pipe_source *p, uint64_t now)
{
        ssize_t n = read(p->fd, p->pixels + p->filled, p->size - p->filled);

        if (n < 0)
                return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
        if (n == 0)
                return -EPIPE;
        p->arrived = now;
        p->filled += (size_t) n;
        if (p->searching && p->filled == p->size)
                p->filled = 0;
        /* No silence, so frames follow upon each other; then they do so from the first byte that was read. */
        if (p->searching && p->filled == 0 && now - p->searched > SEARCH_MAX_USEC)
                p->searching = false;
        return 1;
}

/* Waits for bytes, for the silence that is looked for, or for @stop: -EAGAIN. */
static int wait_for(struct pipe_source *p, int stop, bool writer)
{
        struct pollfd fds[] = { { .fd = stop, .events = POLLIN }, { .fd = writer ? p->fd : -1, .events = POLLIN } };
        int timeout = !writer ? NO_WRITER_MSEC : p->searching ? (int) (SILENCE_USEC / 1000) : NO_WRITER_MSEC;

        if (poll(fds, 2, timeout) < 0 && errno != EINTR)
                return -errno;
        return fds[0].revents ? -EAGAIN : 0;
}

int pipe_source_read(struct pipe_source *p, int stop, struct frame *out)
{
        uint64_t begun = now_usec(), now = begun;
        int r = frame_resize(out, p->width, p->height);

        while (r >= 0 && now - begun < WAIT_USEC) {
                r = take(p, now);
                if (r == -EPIPE) {
                        p->filled = 0;
                        p->searching = false; /* the next writer begins with a frame */
                        r = wait_for(p, stop, false);
                } else if (r == 0) {
                        silent(p, now);
                        r = wait_for(p, stop, true);
                } else if (r > 0 && !p->searching && p->filled == p->size) {
                        memcpy(out->pixels, p->pixels, p->size);
                        p->filled = 0;
                        return 0;
                }
                now = now_usec();
        }
        return r < 0 ? r : -EAGAIN;
}
