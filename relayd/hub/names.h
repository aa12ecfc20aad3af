/* Which names may be registered. What the wire takes for a name (wire_name_valid()) is more than that. */
#pragma once

#include <stdbool.h>

#include "services/bytes.h"

/* NULL if @name may be registered; else a sentence that says what is wrong with it. A name ends with a letter or digit,
 * has no two of . _ - beside each other, and is none of @reserved (words between spaces), which people would take for
 * the hub's own voice. */
const char *name_fault(struct bytes name, const char *reserved);

/* True if @name is one of @words, which are separated by spaces. */
bool names_hold(const char *words, struct bytes name);
