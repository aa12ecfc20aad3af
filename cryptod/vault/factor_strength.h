/* How hard a new PIN or passphrase is to guess: zxcvbn's estimate (Wheeler, USENIX Security 2016), which knows
 * dictionaries, names, dates, keyboard patterns and repeats, so that length alone does not impress it. */
#pragma once

#include "cryptod/vault/slot.h"

/* What is asked for at least, in bits. With the face, a thief of one disk gains nothing by guessing, one with both pays
 * Argon2id for each guess, and the throttle stops everybody else: what is refused is what people try first (1234, 0000,
 * a year of birth). Alone, a passphrase has to withstand a thief with one disk. */
enum { STRENGTH_WITH_FACE = 7, STRENGTH_ALONE = 50 };

/* The estimate in bits, at most 1000. Leaves copies in the heap: for a process that wipes what it frees. */
double factor_strength(const struct secret *factor);

/* -ERANGE if @factor is too easy for a slot of @kind; else 0. */
int factor_strength_check(enum slot_kind kind, const struct secret *factor);
