/* Whether code's time can depend on a secret, as valgrind's memcheck sees it: secrets are marked as undefined memory,
 * the marks follow whatever is computed from them, and memcheck reports each conditional jump and each address that
 * depends on them (A. Langley's ctgrind).
 *
 * The program starts itself again under valgrind, with suppressions for what the cryptographic libraries do within
 * themselves (taint.supp); where valgrind cannot run, it says so and skips all. A step is a line of TAP: the code since
 * the step before did what it should, and nothing in it was reported. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "services/bytes.h"

/* Comes back under valgrind only. @suppressions: the path of taint.supp. */
void taint_begin(char **argv, const char *suppressions);

/* Marks bytes as secret, and as known to everybody: a public key or a ciphertext that was computed from a secret. */
void taint(const void *p, size_t size);
void untaint(const void *p, size_t size);

/* True if all of it is secret as far as the marks have come. */
bool is_tainted(const void *p, size_t size);

/* A value that tells nothing: what a comparison said. */
bool untainted(bool value);

/* Ends a step, and starts the next one. */
void step(const char *name, bool good);

/* Ends a step in which something has to have been reported: this test can fail. */
void step_that_leaks(const char *name);

/* The plan. What main() returns. */
int taint_end(void);
