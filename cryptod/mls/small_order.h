/* The points of X25519 and X448 that every Diffie-Hellman takes to the all-zero result (RFC 7748 §6, RFC 9180 §7.1.4),
 * whatever the private key: those whose order divides the cofactor, on the curve and on its twist. */
#pragma once

#include <stdbool.h>

#include "services/bytes.h"

/* True if @public_key, of the full length, is one of them in any of its encodings. Other types than "X25519" and "X448"
 * have none. Not for secrets. */
bool is_small_order(const char *type, struct bytes public_key);
