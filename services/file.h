/* Small files that must be whole or absent, whatever happens to the machine. */
#pragma once

#include "bytes.h"
#include "secret.h"

/* Replaces @path by a file of mode 0600 that holds @content: a temporary file beside it is written, synced and renamed
 * into place, and the directory is synced. After a crash the path holds the old content or the new, never a part.
 * -EEXIST with @exclusive if @path exists already (then nothing is changed); else what open(2), write(2), fsync(2) or
 * rename(2) say. */
int file_write(const char *path, struct bytes content, bool exclusive);

/* Reads a file of at most @max bytes (SECRET_SIZE_MAX - 1) straight into locked memory. A symbolic link is refused with
 * -ELOOP, what is not a regular file with -EINVAL, a larger one with -EMSGSIZE; else what open(2) or read(2) say. */
int file_read_secret(const char *path, size_t max, struct secret **out);

/* Appends all that the regular file @fd holds, from its start, to @out: -EINVAL if it is something else, -ENODATA if it
 * is empty, -EMSGSIZE if it holds more than @max bytes, or what fstat(2) and pread(2) say. */
int file_read(int fd, size_t max, struct writer *out);
