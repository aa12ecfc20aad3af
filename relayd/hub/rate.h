/* A rate: so many in a time, with a burst, as a bucket of tokens that fills up with time. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

struct rate {
        uint64_t usec_each; /* 0: no limit */
        uint64_t burst_usec;
        uint64_t full_at; /* when the bucket is full again */
};

/* @count in @usec, and @burst at once; @count 0 is no limit. */
static inline void rate_init(struct rate *r, unsigned count, uint64_t usec, unsigned burst)
{
        r->usec_each = count > 0 ? usec / count : 0;
        r->burst_usec = r->usec_each * burst;
        r->full_at = 0;
}

/* Takes one. Returns 0, or, if there was none left, how long to wait (µs): nothing was taken then. */
static inline uint64_t rate_take(struct rate *r, sd_event *event)
{
        uint64_t now = 0;

        (void) sd_event_now(event, CLOCK_BOOTTIME, &now);
        if (r->full_at < now)
                r->full_at = now;
        if (r->full_at + r->usec_each > now + r->burst_usec && r->usec_each > 0)
                return r->full_at + r->usec_each - now - r->burst_usec;
        r->full_at += r->usec_each;
        return 0;
}
