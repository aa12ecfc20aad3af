/* Work on many independent items, by as many threads as the caller allows. They live no longer than the call. */
#pragma once

#include <stddef.h>

enum { PARALLEL_THREADS_MAX = 16 };

/* Calls @work for each index below @count, in no order, by the calling thread and at most @threads - 1 others; 0 counts
 * as 1. Where a thread cannot be had the others do its work. @work may touch what is its index's own, and read the
 * rest.
 */
void parallel_for(unsigned threads, size_t count, void (*work)(void *userdata, size_t index), void *userdata);
