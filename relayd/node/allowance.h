/* An allowance: how many bytes a second one direction of an account may use for files; and how many it does use. */
#pragma once

#include <stdint.h>

/* All zero is a fresh one. Times are CLOCK_BOOTTIME, µs. */
struct allowance {
        int64_t left; /* bytes that may go now; below 0 after a chunk that was larger */
        uint64_t filled_at;
};

/* 0 if something may go now, else how long to wait (µs). @rate: bytes a second, 0: no limit. */
uint64_t allowance_wait(struct allowance *a, uint64_t rate, uint64_t now_usec);
void allowance_spend(struct allowance *a, uint64_t bytes);

/* Bytes a second over the last few seconds. All zero is a fresh one. */
struct pace {
        uint64_t second;
        uint64_t bytes[4]; /* of the seconds before @second and of itself, by number modulo 4 */
};

void pace_add(struct pace *p, uint64_t bytes, uint64_t now_usec);
uint64_t pace_of(struct pace *p, uint64_t now_usec);
