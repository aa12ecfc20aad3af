/* See stopwatch.h. */
#include "bench/stopwatch.h"

#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "services/cleanup.h"

enum { SYNCS = 300 };

static uint64_t read_clock(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

uint64_t now_ns(void)
{
        return read_clock(CLOCK_MONOTONIC);
}

uint64_t cpu_ns(void)
{
        return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static int by_value(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return (x > y) - (x < y);
}

double percentile_ms(uint64_t *values, size_t count, double p)
{
        qsort(values, count, sizeof(*values), by_value);
        return (double) values[(size_t) (p * (double) (count - 1))] / 1e6;
}

void series_add(struct series *s, uint64_t took)
{
        if (s->count == SERIES_MAX)
                errx(1, "a series holds %d durations", SERIES_MAX);
        s->took[s->count++] = took;
}

double series_median(struct series *s)
{
        return percentile_ms(s->took, s->count, 0.5);
}

double series_report(struct series *s, const char *name, double base_ms, const char *base)
{
        double median = series_median(s);

        printf("%-44s median %9.3f ms, p95 %9.3f ms; median is %7.2f × %s\n", name, median,
               percentile_ms(s->took, s->count, 0.95), median / base_ms, base);
        return median;
}

int sync_file(const char *directory)
{
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/sync", directory) < 0)
                errx(1, "out of memory");
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0)
                err(1, "%s", path);
        return fd;
}

uint64_t sync_once(int fd)
{
        static const char page[4096] = { 1 };
        uint64_t start = now_ns();

        if (pwrite(fd, page, sizeof(page), 0) != sizeof(page) || fdatasync(fd) < 0)
                err(1, "fdatasync");
        return now_ns() - start;
}

double fdatasync_ms(const char *directory)
{
        static struct series s;
        _cleanup_close_ int fd = sync_file(directory);

        s.count = 0;
        for (unsigned i = 0; i < SYNCS; i++)
                series_add(&s, sync_once(fd));
        return series_median(&s);
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

void remove_directory(const char *directory)
{
        (void) nftw(directory, drop, 4, FTW_DEPTH | FTW_PHYS);
}
