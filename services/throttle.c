#include "services/throttle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "services/cleanup.h"
#include "services/text.h"

#define SECOND 1000000ULL

int boot_time_now(struct boot_time *out)
{
        _cleanup_fclose_ FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
        char line[64], hex[2 * BOOT_ID_SIZE + 1];
        struct boot_time now;
        struct timespec t;
        size_t n = 0;

        if (!f || !fgets(line, sizeof(line), f))
                return -EIO;
        for (const char *p = line; *p && n < sizeof(hex) - 1; p++)
                if (*p != '-' && *p != '\n')
                        hex[n++] = *p;
        hex[n] = '\0';
        if (hex_decode(hex, now.boot_id, sizeof(now.boot_id)) < 0 || clock_gettime(CLOCK_BOOTTIME, &t) < 0)
                return -EIO;
        now.usec = (uint64_t) t.tv_sec * SECOND + (uint64_t) t.tv_nsec / 1000;
        *out = now;
        return 0;
}

uint64_t throttle_delay(uint32_t failures)
{
        static const uint64_t delays[] = { 5 * SECOND, 15 * SECOND, 60 * SECOND, 300 * SECOND, 900 * SECOND };

        if (failures < THROTTLE_FREE)
                return 0;
        if (failures >= THROTTLE_LOCK_OUT)
                return UINT64_MAX;
        failures -= THROTTLE_FREE;
        return delays[failures < COUNT_OF(delays) ? failures : COUNT_OF(delays) - 1];
}

uint64_t throttle_passed(const struct throttle *t, const struct boot_time *now)
{
        if (memcmp(t->since.boot_id, now->boot_id, BOOT_ID_SIZE) != 0)
                return now->usec;
        return now->usec > t->since.usec ? now->usec - t->since.usec : 0;
}

uint64_t throttle_remaining(const struct throttle *t, const struct boot_time *now)
{
        uint64_t delay = throttle_delay(t->failures), passed = throttle_passed(t, now);

        if (delay == UINT64_MAX)
                return delay;
        return passed < delay ? delay - passed : 0;
}

void throttle_attempt(struct throttle *t, const struct boot_time *now)
{
        if (t->failures < THROTTLE_LOCK_OUT)
                t->failures++;
        t->since = *now;
}

void throttle_clear(struct throttle *t)
{
        *t = (struct throttle){ 0 };
}

void throttle_write(const struct throttle *t, struct writer *w)
{
        write_u32(w, t->failures);
        write_fixed(w, BYTES_OF(t->since.boot_id));
        write_u64(w, t->since.usec);
}

void throttle_read(struct reader *r, struct throttle *out)
{
        struct throttle t = { .failures = read_u32(r) };
        struct bytes boot_id = read_fixed(r, BOOT_ID_SIZE);

        t.since.usec = read_u64(r);
        if (!r->error) {
                memcpy(t.since.boot_id, boot_id.data, BOOT_ID_SIZE);
                *out = t;
        }
}
