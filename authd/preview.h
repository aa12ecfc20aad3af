/* The preview: a ring of pictures in shared memory, for the owner of an attempt to see themselves. docs/dbus/auth1.md
 * has its layout. authd makes and wipes it, the process that has the camera fills it, and whoever else has the file
 * descriptor reads and can do nothing else. */
#pragma once

#include <stdint.h>

#include "authd/frame.h"

enum { PREVIEW_WIDTH = 640, PREVIEW_HEIGHT = 480, PREVIEW_SLOTS = 4, PREVIEW_RATE = 15 };

struct preview;

/* Makes an empty ring. -ENOMEM; what memfd_create(2), ftruncate(2), mmap(2) or fcntl(2) say. */
int preview_new(struct preview **out);

/* Its file descriptor, which may be written until it is sealed; stays the ring's. */
int preview_fd(const struct preview *p);

/* In another process: maps the ring of @fd, which is the ring's from now on, to fill it. -ENOMEM; what mmap(2) says. */
int preview_attach(int fd, struct preview **out);

/* Whoever has not mapped it by now cannot write it any more. What fcntl(2) says. */
int preview_seal(struct preview *p);

/* A read-only file descriptor of the ring; the caller closes it. What open(2) says. */
int preview_open(const struct preview *p, int *out);

/* Shows @f at @now, microseconds of CLOCK_MONOTONIC, unless the last picture was less than 1/PREVIEW_RATE s ago. A
 * larger picture is scaled down. -ENOMEM. */
int preview_show(struct preview *p, const struct frame *f, uint64_t now);

/* Overwrites all pictures with zeroes, for all who have the ring. */
void preview_wipe(struct preview *p);

/* Wipes and unmaps. NULL is allowed. Returns NULL. */
struct preview *preview_free(struct preview *p);
