/* See traffic.h. */
#include "bench/hub/traffic.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "bench/hub/crowd.h"
#include "bench/stopwatch.h"
#include "services/cleanup.h"

#define WARM_UP_SECONDS 0.5

enum { TICK_USEC = 500 };

struct traffic {
        struct fleet *fleet;
        struct device *sender;
        const struct hub_process *hub;
        struct bytes recipients;
        unsigned recipient_count, crowd;
        uint64_t rate, due_from; /* paced: a message is due each 1/rate since then */
        uint64_t due;
        unsigned window;
        uint64_t sent, stored, arrived;
        bool closed; /* nothing more is sent */
        uint64_t *took;
        size_t took_count, took_capacity;
};

static void note(struct traffic *t, uint64_t took)
{
        if (t->took_count == t->took_capacity) {
                t->took_capacity = t->took_capacity ? 2 * t->took_capacity : 65536;
                t->took = realloc(t->took, t->took_capacity * sizeof(*t->took));
                if (!t->took)
                        errx(1, "out of memory");
        }
        t->took[t->took_count++] = took;
}

static void send_one(struct traffic *t, uint64_t stamp)
{
        static uint8_t payload[MESSAGE_SIZE];
        uint8_t name[CROWD_NAME_SIZE];

        memcpy(payload, &stamp, sizeof(stamp));
        if (t->crowd > 0)
                device_send(t->sender, crowd_recipient((unsigned) random() % t->crowd, name), 1, BYTES_OF(payload));
        else
                device_send(t->sender, t->recipients, t->recipient_count, BYTES_OF(payload));
        t->sent++;
}

/* As many as may be on their way; when paced, none before it is due. A message's time counts from when it was due. */
static void refill(struct traffic *t)
{
        uint64_t now = now_ns();

        while (!t->closed && t->sent - t->stored < t->window) {
                uint64_t stamp = now;

                if (t->rate > 0) {
                        stamp = t->due_from + t->due * 1000000000 / t->rate;
                        if (stamp > now)
                                break;
                        t->due++;
                }
                send_one(t, stamp);
        }
}

static void on_stored(void *userdata, unsigned count)
{
        struct traffic *t = userdata;

        t->stored += count;
        refill(t);
}

static void on_entry(void *userdata, struct bytes payload)
{
        struct traffic *t = userdata;
        uint64_t stamp;

        if (payload.size != MESSAGE_SIZE)
                errx(1, "a message has another size than it was sent with");
        memcpy(&stamp, payload.data, sizeof(stamp));
        note(t, now_ns() - stamp);
        t->arrived++;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
        refill(userdata);
        (void) sd_event_source_set_time_relative(source, TICK_USEC);
        return 0;
}

struct traffic *traffic_new(struct fleet *f, struct device *sender, const struct hub_process *hub)
{
        struct traffic *t = calloc(1, sizeof(*t));

        if (!t)
                errx(1, "out of memory");
        t->fleet = f;
        t->sender = sender;
        t->hub = hub;
        f->userdata = t;
        f->on_stored = on_stored;
        f->on_entry = on_entry;
        return t;
}

struct traffic *traffic_free(struct traffic *t)
{
        t->fleet->on_stored = NULL;
        t->fleet->on_entry = NULL;
        free(t->took);
        free(t);
        return NULL;
}

void traffic_to(struct traffic *t, struct bytes recipients, unsigned count)
{
        t->recipients = recipients;
        t->recipient_count = count;
        t->crowd = 0;
}

void traffic_to_crowd(struct traffic *t, unsigned size)
{
        t->crowd = size;
}

struct flow traffic_run(struct traffic *t, double seconds, double rate, unsigned window, unsigned deliveries)
{
        sd_event_source *tick = NULL;

        t->closed = false;
        t->window = window;
        t->rate = (uint64_t) rate;
        t->due = 0;
        t->due_from = now_ns();
        if (rate > 0 && (sd_event_add_time_relative(t->fleet->event, &tick, CLOCK_MONOTONIC, 0, 1, on_tick, t) < 0 ||
                         sd_event_source_set_enabled(tick, SD_EVENT_ON) < 0))
                errx(1, "out of memory");
        refill(t);
        fleet_rest(t->fleet, WARM_UP_SECONDS);
        struct commits before = hub_process_commits(t->hub);
        uint64_t start = now_ns(), own = cpu_ns(), hub = process_cpu_ns(t->hub), sent = t->stored, arrived = t->arrived;

        t->took_count = 0;
        fleet_rest(t->fleet, seconds);
        struct flow f = { .seconds = (double) (now_ns() - start) / 1e9,
                          .sent = t->stored - sent,
                          .arrived = t->arrived - arrived,
                          .server_usec = (double) (process_cpu_ns(t->hub) - hub) / 1e3,
                          .client_usec = (double) (cpu_ns() - own) / 1e3 };

        struct commits after = hub_process_commits(t->hub);

        f.group = (double) (after.requests - before.requests) / (double) (after.count - before.count);
        if (t->took_count > 0) {
                f.p50_ms = percentile_ms(t->took, t->took_count, 0.5);
                f.p99_ms = percentile_ms(t->took, t->took_count, 0.99);
        }
        t->closed = true;
        sd_event_source_disable_unref(tick);
        while (t->stored < t->sent || t->arrived < t->sent * deliveries)
                fleet_turn(t->fleet, UINT64_MAX);
        return f;
}
