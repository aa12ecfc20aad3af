/* Values that mean nothing, which a client puts where others must ignore what they do not know (RFC 9420 §13.5), so
 * that whoever does not is noticed. One that is received is treated like any that is not known: it is not among what we
 * can do, even where our own leaf lists it. */
#pragma once

#include "services/bytes.h"

/* One of the 15 reserved values, at random. */
uint16_t grease_value(void);

bool grease_is_reserved(uint16_t value);

/* Appends an extension of such a type with a few random bytes. */
void grease_write_extension(struct writer *w);
