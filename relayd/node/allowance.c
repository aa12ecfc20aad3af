/* See allowance.h. */
#include "allowance.h"

#include <string.h>

enum {
        SECOND = 1000 * 1000,
        BURSTS = 4, /* a second: what was not used is saved for so long */
        PACE_SECONDS = 4,
};

uint64_t allowance_wait(struct allowance *a, uint64_t rate, uint64_t now_usec)
{
        double gained = (double) rate * (double) (now_usec - a->filled_at) / SECOND, most = (double) rate / BURSTS;

        a->filled_at = now_usec;
        if (rate == 0) {
                a->left = 0;
                return 0;
        }
        a->left = (double) a->left + gained < most ? a->left + (int64_t) gained : (int64_t) most;
        return a->left > 0 ? 0 : (uint64_t) ((double) -a->left / (double) rate * SECOND) + 1000;
}

void allowance_spend(struct allowance *a, uint64_t bytes)
{
        a->left -= (int64_t) bytes;
}

/* Empties the seconds in which nothing happened. */
static void turn(struct pace *p, uint64_t now_usec)
{
        uint64_t second = now_usec / SECOND;

        if (second - p->second >= PACE_SECONDS)
                memset(p->bytes, 0, sizeof(p->bytes));
        else
                while (p->second < second)
                        p->bytes[++p->second % PACE_SECONDS] = 0;
        p->second = second;
}

void pace_add(struct pace *p, uint64_t bytes, uint64_t now_usec)
{
        turn(p, now_usec);
        p->bytes[p->second % PACE_SECONDS] += bytes;
}

uint64_t pace_of(struct pace *p, uint64_t now_usec)
{
        uint64_t sum = 0;

        turn(p, now_usec);
        for (unsigned i = 0; i < PACE_SECONDS; i++)
                sum += p->bytes[i];
        return sum * SECOND / ((PACE_SECONDS - 1) * SECOND + now_usec % SECOND);
}
