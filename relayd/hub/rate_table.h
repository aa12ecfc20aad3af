/* Rates of many: for each key so many in a time, with a burst, as a bucket of tokens that fills up with time. The table
 * has a fixed size. A full bucket is as good as none, so room is made by forgetting the fullest of a few. */
#pragma once

#include <stdint.h>

#include "services/bytes.h"

struct rate_table;

/* @count in @usec, and @burst at once; @count 0 is no limit. @size is a power of two, at least 8. -ENOMEM. */
int rate_table_new(uint64_t count, uint64_t usec, uint64_t burst, unsigned size, struct rate_table **out);
struct rate_table *rate_table_free(struct rate_table *t);

/* Takes one at @now_usec. Returns 0, or, if there was none left, how long to wait (µs): nothing was taken then. */
uint64_t rate_table_take(struct rate_table *t, struct bytes key, uint64_t now_usec);

/* Takes @n (at most 2^40), which has happened already, also when there are not so many left. Returns 0, or how long
 * nothing more should be let happen (µs): until the debt is paid. */
uint64_t rate_table_charge(struct rate_table *t, struct bytes key, uint64_t n, uint64_t now_usec);
