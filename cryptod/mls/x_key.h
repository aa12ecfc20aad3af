/* Public keys of X25519 and X448 (RFC 7748). Any bytes of the right length are one, but a few are points that every
 * Diffie-Hellman takes to the all-zero result, whatever the private key (§6; RFC 9180 §7.1.4): those whose order
 * divides the cofactor, on the curve and on its twist. */
#pragma once

#include "services/bytes.h"

/* @type: "X25519" or "X448". -EBADMSG for another length, and for a point of small order in any of its encodings. */
int x_key_check(const char *type, struct bytes public_key);
