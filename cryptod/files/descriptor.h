/* Reading and writing descriptors that somebody else has opened: files, pipes, sockets, whatever may never answer. For
 * threads beside the event loop; an eventfd(2) that becomes readable ends them. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads up to @size bytes, less only at the end. Their number; -ECANCELED once @stop is readable; what read(2) says. */
ssize_t descriptor_read(int fd, int stop, uint8_t *out, size_t size);

/* Writes all. 0, -ECANCELED, -EPIPE, what write(2) says. */
int descriptor_write(int fd, int stop, const uint8_t *data, size_t size);

/* Moves on by @size bytes, by reading them where the descriptor cannot seek. -ENODATA if there are not so many, as far
 * as that is known. */
int descriptor_skip(int fd, int stop, uint64_t size);
