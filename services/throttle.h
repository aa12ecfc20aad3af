/* What wrong factors cost: growing delays, then a lock-out.
 *
 * An attempt is counted, and the count is on disk, before the factor is tried, so that neither kill -9 nor the power
 * switch makes a guess free; success clears it. No wall clock is asked, since whoever has the machine can set it: a
 * delay runs on the boot clock, and after a reboot it runs anew from the boot. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "services/bytes.h"

enum {
        THROTTLE_FREE = 3,      /* attempts without a delay: anybody mistypes */
        THROTTLE_LOCK_OUT = 20, /* attempts after which only the recovery code helps */
        BOOT_ID_SIZE = 16,
};

/* Now, as the machine has it. */
struct boot_time {
        uint8_t boot_id[BOOT_ID_SIZE];
        uint64_t usec; /* CLOCK_BOOTTIME */
};

/* -EIO if /proc/sys/kernel/random/boot_id cannot be read. */
int boot_time_now(struct boot_time *out);

struct throttle {
        uint32_t failures;      /* attempts since the last success */
        struct boot_time since; /* when the last of them began */
};

/* What one daemon keeps of another's throttle, so that a disk which is put back from an older copy winds nothing back:
 * of two such words of the same account the one with the greater turn is the newer. */
struct throttle_word {
        uint64_t turn; /* how often the throttle has changed: by a failure, or by a success that ended the counting */
        uint32_t failures;
};

/* The delay that follows that many failures, in microseconds; UINT64_MAX: locked out. */
uint64_t throttle_delay(uint32_t failures);

/* How long ago the last attempt began, in microseconds: at least so long that is, since time before a boot is lost. */
uint64_t throttle_passed(const struct throttle *t, const struct boot_time *now);

/* How long the next attempt has to wait, in microseconds: 0, or UINT64_MAX if locked out. */
uint64_t throttle_remaining(const struct throttle *t, const struct boot_time *now);

/* Counts an attempt that is about to be made, and one that has succeeded. The caller stores the result first. */
void throttle_attempt(struct throttle *t, const struct boot_time *now);
void throttle_clear(struct throttle *t);

/* struct { uint32 failures; opaque boot_id[16]; uint64 usec; } */
void throttle_write(const struct throttle *t, struct writer *w);
void throttle_read(struct reader *r, struct throttle *out);
