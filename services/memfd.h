/* Bulk crosses the bus in memfds, never in a message body: envelopes, key packages, pictures. */
#pragma once

#include "bytes.h"

/* Appends all that @fd holds, from its start, to @out. @fd must be a memfd that is sealed against writing, growing and
 * shrinking: -EINVAL for anything else, since reading a file of somebody else's file system could block for ever; else
 * what file_read() says. */
int memfd_read(int fd, size_t max, struct writer *out);

/* Makes a sealed memfd that holds @content, offset at 0; the caller closes it. Errors of memfd_create(2) and write(2).
 */
int memfd_make(struct bytes content, int *out);
