/* A line of chunks: read one after the other, worked on by several threads at once, and written one after the other, in
 * the same order. While one thread computes, the other has the kernel copy.
 *
 *     lane 0:  read 0 ─ work ─ write 0 ─ read 3 ─ …
 *     lane 1:           read 1 ─ work ─ write 1 ─ …
 *     lane 2:                    read 2 ─ work ─ write 2 ─ …
 *
 * A chunk that fails ends the line: those before it are written, those behind it are not. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { CHUNK_LINE_LANES = 3 };

/* What is done to the chunk of a number in a lane, which has one at a time. Each returns 0, or anything else for the
 * line to end with. Reading says in @last whether no other chunk follows. */
struct chunk_steps {
        int (*read)(void *userdata, unsigned lane, uint64_t number, bool *last);
        int (*work)(void *userdata, unsigned lane, uint64_t number, bool last);
        int (*write)(void *userdata, unsigned lane, uint64_t number);
};

/* Takes all chunks from the number @first on, in the calling thread, and in others if there is more than one chunk
 * and threads can be had. 0, or what the first that failed has returned. */
int chunk_line_run(const struct chunk_steps *steps, void *userdata, uint64_t first);
