/* An open camera: where pictures come from while an attempt runs. */
#pragma once

#include "authd/camera.h"
#include "authd/frame.h"

struct source;

/* Opens @c. -EIO or -EBADMSG if it gives no pictures, -ENOENT for an empty folder; what open(2) says. */
int source_open(const struct camera *c, struct source **out);

/* Closes it. NULL is allowed. Returns NULL. */
struct source *source_close(struct source *s);

/* Waits for the next picture, but only until @stop (an eventfd(2)) can be read, or half a second: -EAGAIN. Files keep
 * to their rate. A device waits as long as its driver does. -EIO: there will be none any more; -ENODATA: the video
 * has ended; -EBADMSG: this one could not be decoded, or is larger or smaller than a frame may be; -ENOMEM. */
int source_read(struct source *s, int stop, struct frame *out);
