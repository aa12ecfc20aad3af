/* A secret: bytes in locked memory that are left out of core dumps and zeroed when they are released.
 *
 * Secrets are small (keys, PINs), numerous (a secret tree) and short-lived, so they come from a pool of locked pages
 * (mlock, MADV_DONTDUMP, MADV_WIPEONFORK) rather than from a page each. If the pages cannot be locked (RLIMIT_MEMLOCK),
 * a warning is logged once and the secret is still excluded from dumps and zeroed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

enum { SECRET_SIZE_MAX = 1024 * 1024 };

struct secret {
        size_t size;
        uint8_t data[];
};

#define _cleanup_secret_ __attribute__((cleanup(secret_release)))

/* A new secret of @size zero bytes, 0 to SECRET_SIZE_MAX. Aborts when memory is exhausted: a daemon that cannot hold a
 * key must not go on. The caller owns it and ends it with secret_free(). */
struct secret *secret_new(size_t size);

/* From now on new secrets are in memory that the kernel itself cannot read (memfd_secret(2), Linux 5.14), so neither
 * can root by /proc/PID/mem, nor a core image; what cannot be had so is in locked memory, as without it. While there is
 * any such secret the machine cannot hibernate. For a process that does not fork: a child must not touch a secret.
 * -ENOSYS, -EPERM: the kernel does not have it, or does not give it. */
int secret_hide(void);

/* A new secret with a copy of @b. The caller wipes the original if it is not a secret itself. */
struct secret *secret_copy(struct bytes b);

/* Zeroes and releases. NULL is allowed. Returns NULL. */
struct secret *secret_free(struct secret *s);

/* For _cleanup_secret_. */
void secret_release(struct secret **s);

/* A view of the secret's bytes, valid as long as the secret; {NULL, 0} for NULL. */
struct bytes secret_bytes(const struct secret *s);

/* Constant-time comparison of content; the sizes themselves are not hidden. */
bool secret_equal(struct bytes a, struct bytes b);

/* Reads a secret from a pipe, a socket or a memfd up to its end, at most @max bytes, straight into locked memory; waits
 * at most five seconds. A memfd is read from its start wherever its offset stands; other files are refused with
 * -EINVAL. @max is at most SECRET_SIZE_MAX - 2. One trailing newline is dropped if @text. Errors: -EMSGSIZE if there is
 * more than @max, -ENODATA if there is none, -ETIMEDOUT, or what read(2) says. Does not close @fd. */
int secret_from_fd(int fd, size_t max, bool text, struct secret **out);

/* Makes a sealed memfd (memfd_create(2), F_SEAL_WRITE|GROW|SHRINK|SEAL) that holds the secret, offset at 0. The caller
 * closes it. */
int secret_to_fd(const struct secret *s, int *out);
