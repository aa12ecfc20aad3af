/* Values that mean nothing, which a client puts where others must ignore what they do not know (RFC 9420 §13.5), so
 * that whoever does not is noticed. Nothing here treats such a value in any way when it is received. */
#pragma once

#include "services/bytes.h"

/* One of the 15 reserved values, at random. */
uint16_t grease_value(void);

/* Appends an extension of such a type with a few random bytes. */
void grease_write_extension(struct writer *w);
