/* Safety numbers: what two people compare, aloud or by a QR code, to know that nobody stands between them.
 *
 * Each account has a fingerprint, iterated so that looking for another root key with the same digits costs as much
 * more:
 *
 *     h[0]   = SHA-512("visavis safety number v1" ‖ root_key<V> ‖ address<V>)
 *     h[i+1] = SHA-512(h[i] ‖ root_key)                                         5200 times
 *
 * 30 digits of each, from six groups of five bytes modulo 100000, the smaller one first: the same 60 on both sides.
 * The construction is that of Signal's NumericFingerprintGenerator (libsignal, fingerprint.rs), with a label for the
 * version and lengths in front of what has no fixed one; docs/decisions/safety-numbers.md argues it. A QR code is
 *
 *     "visavis-safety:1:" ‖ base64url(h[5200][0..32] of who shows it ‖ h[5200][0..32] of the other)
 *
 * Nothing of it is secret. */
#pragma once

#include "services/bytes.h"

enum { SAFETY_NUMBER_DIGITS = 60, SAFETY_FINGERPRINT_SIZE = 32 };

struct safety_party {
        struct bytes root_key; /* public */
        struct bytes address;  /* name@host:port */
};

/* h[5200][0..32] of one account, for a link that pins its key. */
void safety_fingerprint(const struct safety_party *p, uint8_t out[static SAFETY_FINGERPRINT_SIZE]);

/* The digits, NUL-terminated; the order of the parties does not matter. */
void safety_number(const struct safety_party *a, const struct safety_party *b,
                   char out[static SAFETY_NUMBER_DIGITS + 1]);

/* What @own shows to @other as a QR code. Owned by the caller; NULL when memory is exhausted. */
char *safety_code(const struct safety_party *own, const struct safety_party *other);

/* Whether a code that @own has scanned is @other's and meant for @own. -EKEYREJECTED if it is about other keys or
 * addresses, -EPROTONOSUPPORT if it is of another version, -EINVAL if it is no such code at all. */
int safety_code_compare(const char *code, const struct safety_party *own, const struct safety_party *other);
