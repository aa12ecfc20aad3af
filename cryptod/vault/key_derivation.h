/* From both factors to the key that opens a slot. Both are needed by mathematics, not by an if:
 *
 *     KEK = HKDF-SHA-512(salt, face secret ‖ Argon2id(factor, salt), "visavis vault KEK v1" ‖ account id)
 *
 * Argon2id (RFC 9106) makes guesses at a PIN expensive for somebody who has both daemons' disks; the face secret makes
 * them useless for somebody who has only ours. Where there is no face, the input is what is left:
 *
 *     passphrase alone:  Argon2id(passphrase, salt)      "visavis vault KEK v1 passphrase" ‖ account id
 *     recovery code:     its 160 bits                    "visavis vault KEK v1 recovery" ‖ account id
 *
 * The code needs no Argon2id, since nobody guesses 160 random bits. */
#pragma once

#include "services/bytes.h"
#include "services/secret.h"

enum {
        KEY_DERIVATION_SALT_SIZE = 32,
        KEY_DERIVATION_KEY_SIZE = 32,
        FACE_SECRET_SIZE = 32,
        FACTOR_SIZE_MIN = 4, /* a PIN or passphrase, in bytes of UTF-8 */
        FACTOR_SIZE_MAX = 1024,
};

/* Cost parameters of Argon2id (RFC 9106 §3.1). */
struct argon2_parameters {
        uint32_t memory; /* KiB */
        uint32_t passes;
        uint32_t lanes;
};

/* What a slot may ask for, at least and at most: a slot from a hostile disk must not exhaust the machine. */
enum {
        ARGON2_MEMORY_MIN = 8 * 1024,
        ARGON2_MEMORY_MAX = 1024 * 1024,
        ARGON2_PASSES_MAX = 16,
        ARGON2_LANES_MAX = 8,
};

/* -EINVAL if they lie outside of these bounds. */
int argon2_parameters_check(const struct argon2_parameters *p);

/* Chooses parameters that take about @target_usec on this machine: the second recommendation of RFC 9106 §4 (64 MiB, 3
 * passes) with memory doubled while time, ARGON2_MEMORY_MAX and a quarter of the machine's memory allow. Takes a few
 * times as long as @target_usec. */
void argon2_calibrate(uint64_t target_usec, struct argon2_parameters *out);

/* Whether this machine can spare so much memory (KiB) for a derivation: a quarter of it, ARGON2_MEMORY_MAX at most. */
bool argon2_memory_is_there(uint32_t memory);

/* Derives the KEK: KEY_DERIVATION_KEY_SIZE bytes, owned by the caller. Blocks as long as Argon2id takes: call it from a
 * worker thread. @salt has KEY_DERIVATION_SALT_SIZE bytes, @face_secret FACE_SECRET_SIZE; NULL: passphrase alone.
 * -EINVAL for sizes or parameters out of bounds, -ENOMEM. */
int key_derivation(const struct secret *face_secret, const struct secret *factor, struct bytes salt,
                   struct bytes account, const struct argon2_parameters *p, struct secret **out);

/* The same for a recovery code of RECOVERY_CODE_SIZE bytes (recovery_code.h), at once. -EINVAL, -ENOMEM. */
int key_derivation_recovery(const struct secret *code, struct bytes salt, struct bytes account, struct secret **out);
