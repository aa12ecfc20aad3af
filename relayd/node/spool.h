/* The spool: a directory with the files that are under way, encrypted as they are, one file for each transfer. What is
 * in it and belongs to no transfer is left over from a crash, and swept away at the next start. */
#pragma once

#include <stdbool.h>

#include "services/bytes.h"

struct spool;

/* Opens or makes @directory/spool. A sentence has been logged on error. */
int spool_open(const char *directory, struct spool **out);
struct spool *spool_close(struct spool *s);

/* A new file, or one that is there already, for reading and writing; the caller closes it. Errors of openat(2). */
int spool_create(struct spool *s, const char *name, int *out);
int spool_find(struct spool *s, const char *name, int *out);

/* The same file once more, for reading alone, so that it can be given away. */
int spool_reopen(struct spool *s, const char *name, int *out);

/* What the file @fd holds, and its name, are on stable storage. */
int spool_sync(struct spool *s, int fd);

void spool_remove(struct spool *s, const char *name);

/* Removes all files that @keep says no to. */
int spool_sweep(struct spool *s, bool (*keep)(void *userdata, const char *name), void *userdata);

/* Writes a chunk at @offset, and has the kernel start to bring to the disk what was written so far, so that
 * spool_sync() is soon done. Errors of pwrite(2). */
int spool_write(int fd, struct bytes content, uint64_t offset);

/* Reads exactly @size bytes at @offset. -EIO if there are not so many, or what pread(2) says. */
int spool_read(int fd, uint8_t *out, size_t size, uint64_t offset);
