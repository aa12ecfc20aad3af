/* What the measurements have in common: a clock, a series of durations, and the line that a figure is printed on. Each
 * figure stands beside something that was measured in the same run, so that it says more than how fast the machine is.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SERIES_MAX = 4096 };

struct series {
        size_t count;
        uint64_t took[SERIES_MAX]; /* nanoseconds */
};

/* Nanoseconds of a clock that does not stop. */
uint64_t now_ns(void);

/* Nanoseconds of processor time that this process has used: for computations, whose figures other programs on the
 * machine should not change. */
uint64_t cpu_ns(void);

/* The value that the part @p (0 to 1) of @values (nanoseconds, at least one) does not exceed, in milliseconds. Sorts
 * them. */
double percentile_ms(uint64_t *values, size_t count, double p);

/* Adds a duration; one more than SERIES_MAX ends the program. */
void series_add(struct series *s, uint64_t took);
double series_median(struct series *s); /* milliseconds */

/* Prints median and 95th percentile of @s, and the median as a multiple of @base_ms, called @base. Returns the
 * median. */
double series_report(struct series *s, const char *name, double base_ms, const char *base);

/* A file in @directory, and how long it takes to write its 4 KiB anew and to fdatasync(2) them: the least that a disk
 * can be asked for. The caller closes the file. */
int sync_file(const char *directory);
uint64_t sync_once(int fd);

/* The median of many of them, in milliseconds. */
double fdatasync_ms(const char *directory);

/* Removes @directory and all that is in it. */
void remove_directory(const char *directory);
