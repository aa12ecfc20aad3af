/* Segments: the contents of chunks, beside the database, which has their places. They are appended to files of 1 GiB,
 * so that a chunk is written once and read in one go; what is dropped is given back to the file system at once.
 *
 * A place is never given out twice while a row points to it. One thread appends, syncs and drops; others read. */
#pragma once

#include <stdint.h>

#include "services/bytes.h"

struct segments;

/* Opens or makes @directory/chunks. @next: behind the last content that a row points to; what lies there is left over
 * from a crash. A sentence has been logged on error. */
int segments_open(const char *directory, int64_t next, struct segments **out);
struct segments *segments_close(struct segments *s);

/* Appends @content (at most 1 MiB). A sentence has been logged on error: what open(2) or pwrite(2) say. */
int segments_append(struct segments *s, struct bytes content, int64_t *place);

/* What was appended is on stable storage. To be called before the rows are committed. */
int segments_sync(struct segments *s);

/* The rows of what was appended since the last segments_sync() will not be committed. */
void segments_rewind(struct segments *s);

/* Reads content from its place, in any thread. -ENOENT if there is no such file, -EIO if it is too short. */
int segments_read(const struct segments *s, int64_t place, uint8_t *out, size_t size);

/* The rows that pointed to this content, or to any below @place, are gone, and that is committed. */
void segments_drop(struct segments *s, int64_t place, int64_t size);
void segments_drop_below(struct segments *s, int64_t place);
