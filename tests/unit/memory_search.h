/* Looks for secrets in all memory that this process can write: heap, freed chunks, stacks below and above where they
 * are in use, OpenSSL's memory, the pool of locked pages. What is looked for is noted masked, so that the notes are not
 * found. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "services/bytes.h"

/* Notes a secret, by pieces of 16 bytes, or all of one that is shorter (12 at least), as it is and with its bytes in
 * the orders in which bignums and hashes keep them; what is hardly random (a secret of zeroes) is left out. @who: an
 * address in the code, to be told when it is found. */
void search_note(struct bytes secret, const void *who);

/* While this is true, every secret is noted as it is freed: secret_free() and secret_release() have to be wrapped for
 * it when a program is linked. */
extern bool search_notes_freed;

/* Calls far below the frames of those who search afterwards, who would else write over what is left there. */
void search_deep(void (*act)(void *userdata), void *userdata);

/* Forgets all notes. */
void search_forget(void);

/* How many pieces are noted. */
size_t search_notes(void);

/* How many of them are anywhere in memory, or on the stack alone. Each is told to stderr, at most ten, if they are not
 * @expected. */
size_t search(bool expected);
size_t search_stack(void);
