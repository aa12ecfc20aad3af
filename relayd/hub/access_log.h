/* The hub's access log: who connected from where and when, a line an event, in a file of its own that its owner can
 * switch off.
 *
 *     2026-11-24T12:30:05Z 192.0.2.7:50122 connected
 *     2026-11-24T12:30:05Z 192.0.2.7:50122 authenticated alice
 *     2026-11-24T12:31:40Z - joined:general alice
 *
 * At ACCESS_LOG_MAX bytes the file becomes NAME.1, which replaces the one before. */
#pragma once

#include <stdint.h>

struct access_log;

enum { ACCESS_LOG_MAX = 16 * 1024 * 1024 };

/* Opens @path for appending. Errors of open(2). A NULL log is allowed below and does nothing. */
int access_log_open(const char *path, struct access_log **out);
struct access_log *access_log_close(struct access_log *l);

/* Closes the file and opens its path anew, for somebody else has moved the file away. Errors of open(2). */
int access_log_reopen(struct access_log *l);

/* Writes a line; @account may be NULL. */
void access_log_write(struct access_log *l, const char *address, const char *event, const char *account);

/* Bytes in the file; it is moved away at ACCESS_LOG_MAX. 0 for a NULL log. */
int64_t access_log_size(const struct access_log *l);

/* Opens the file for reading, from its start; the caller closes it. -ENOENT for a NULL log; else errors of open(2). */
int access_log_read(const struct access_log *l);
