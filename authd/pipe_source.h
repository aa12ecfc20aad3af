/* A named pipe of raw frames: BGR, 8 bits a channel, rows without gaps, no header.
 *
 * Whoever writes may come and go. Nothing in the bytes says where a frame begins, so time does: a writer that keeps to
 * a rate is silent between frames. The beginning is looked for whenever it may have been missed: after opening, because
 * the pipe may hold the rest of a frame that nobody wanted, and when a frame comes in pieces. */
#pragma once

#include "authd/frame.h"

struct pipe_source;

/* Opens @path, which must be a FIFO (-EINVAL), for reading alone, and does not wait for a writer. -ENOMEM; what open(2)
 * says. */
int pipe_source_open(const char *path, unsigned width, unsigned height, struct pipe_source **out);
struct pipe_source *pipe_source_close(struct pipe_source *p);

/* The next whole frame; gives up with -EAGAIN when @stop (an eventfd(2)) can be read, or after half a second. -ENOMEM,
 * what read(2) says. */
int pipe_source_read(struct pipe_source *p, int stop, struct frame *out);
