/* See pressure.h. */
#include "pressure.h"

#include <errno.h>
#include <stdlib.h>

struct pressure {
        sd_event_source *work, *patience;
        struct channel_budget budget;
        size_t limit;
        bool waiting; /* somebody does */
        const struct pressure_handlers *handlers;
        void *userdata;
};

static bool is_overdrawn(const struct pressure *p)
{
        return p->limit > 0 && p->budget.used > p->limit;
}

static bool is_relieved(const struct pressure *p)
{
        return p->limit == 0 || p->budget.used < p->limit / 4 * 3;
}

static void on_changed(void *userdata)
{
        struct pressure *p = userdata;

        if (is_overdrawn(p) || (p->waiting && is_relieved(p)))
                (void) sd_event_source_set_enabled(p->work, SD_EVENT_ONESHOT);
}

static int on_work(sd_event_source *source, void *userdata)
{
        struct pressure *p = userdata;

        while (is_overdrawn(p)) {
                size_t before = p->budget.used;

                p->handlers->evict(p->userdata);
                if (p->budget.used >= before)
                        break;
        }
        if (p->waiting && is_relieved(p)) {
                p->waiting = false;
                (void) sd_event_source_set_enabled(p->patience, SD_EVENT_OFF);
                p->handlers->resume(p->userdata);
        }
        return 0;
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct pressure *p = userdata;

        if (!p->waiting)
                return 0;
        p->handlers->evict(p->userdata);
        (void) sd_event_source_set_time_relative(source, PRESSURE_PATIENCE_USEC);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

int pressure_new(sd_event *event, size_t limit, const struct pressure_handlers *handlers, void *userdata,
                 struct pressure **out)
{
        struct pressure *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        *p = (struct pressure){ .budget = { .changed = on_changed, .userdata = p },
                                .limit = limit,
                                .handlers = handlers,
                                .userdata = userdata };
        r = sd_event_add_defer(event, &p->work, on_work, p);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->work, SD_EVENT_OFF);
        if (r >= 0) /* before more is read */
                r = sd_event_source_set_priority(p->work, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &p->patience, CLOCK_BOOTTIME, 0, 0, on_patience, p);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->patience, SD_EVENT_OFF);
        if (r < 0) {
                pressure_free(p);
                return r;
        }
        *out = p;
        return 0;
}

struct pressure *pressure_free(struct pressure *p)
{
        if (!p)
                return NULL;
        sd_event_source_disable_unref(p->work);
        sd_event_source_disable_unref(p->patience);
        free(p);
        return NULL;
}

void pressure_set_limit(struct pressure *p, size_t limit)
{
        p->limit = limit;
        on_changed(p);
}

struct channel_budget *pressure_budget(struct pressure *p)
{
        return &p->budget;
}

size_t pressure_share(const struct pressure *p)
{
        size_t left = p->budget.used < p->limit ? p->limit - p->budget.used : 0, share = left / 8;

        if (p->limit == 0 || share > CHANNEL_OUTPUT_HIGH)
                return CHANNEL_OUTPUT_HIGH;
        return share < CHANNEL_ROOM ? CHANNEL_ROOM : share;
}

bool pressure_has_room(struct pressure *p, size_t bytes)
{
        if (p->limit == 0 || (p->budget.used < p->limit && bytes <= p->limit - p->budget.used))
                return true;
        if (!p->waiting) {
                (void) sd_event_source_set_time_relative(p->patience, PRESSURE_PATIENCE_USEC);
                (void) sd_event_source_set_enabled(p->patience, SD_EVENT_ONESHOT);
        }
        p->waiting = true;
        on_changed(p);
        return false;
}

size_t pressure_used(const struct pressure *p)
{
        return p->budget.used;
}
