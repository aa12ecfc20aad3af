/* See traffic.h. */
#include "bench/hub/traffic.h"

#include <assert.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "bench/hub/crowd.h"
#include "bench/stopwatch.h"
#include "services/cleanup.h"

#define WARM_UP_SECONDS 0.5

enum { TICK_USEC = 500 };

struct lane {
        struct device *sender;
        struct bytes recipients;
        unsigned recipient_count, crowd;
};

struct traffic {
        struct fleet *fleet;
        const struct hub_process *hubs[TRAFFIC_HUBS_MAX];
        struct lane lanes[TRAFFIC_LANES_MAX];
        unsigned hub_count, lane_count, window;
        uint64_t rate, due_from, due; /* paced: a message is due each 1/rate since then */
        uint64_t arrived;
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

static void send_one(const struct lane *l, uint64_t stamp)
{
        static uint8_t payload[MESSAGE_SIZE];
        uint8_t name[CROWD_NAME_SIZE];

        memcpy(payload, &stamp, sizeof(stamp));
        if (l->crowd > 0)
                device_send(l->sender, crowd_recipient((unsigned) random() % l->crowd, name), 1, BYTES_OF(payload));
        else
                device_send(l->sender, l->recipients, l->recipient_count, BYTES_OF(payload));
}

/* As many as may be on their way; when paced, none before it is due. A message's time counts from when it was due. */
static void refill(struct traffic *t, const struct lane *l)
{
        uint64_t now = now_ns();

        while (!t->closed && device_sent(l->sender) - device_stored(l->sender) < t->window) {
                uint64_t stamp = now;

                if (t->rate > 0) {
                        stamp = t->due_from + t->due * 1000000000 / t->rate;
                        if (stamp > now)
                                break;
                        t->due++;
                }
                send_one(l, stamp);
        }
}

static void refill_all(struct traffic *t)
{
        for (unsigned i = 0; i < t->lane_count; i++)
                refill(t, &t->lanes[i]);
}

static void on_stored(void *userdata, struct device *d)
{
        struct traffic *t = userdata;

        for (unsigned i = 0; i < t->lane_count; i++) {
                if (t->lanes[i].sender == d)
                        refill(t, &t->lanes[i]);
        }
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
        refill_all(userdata);
        (void) sd_event_source_set_time_relative(source, TICK_USEC);
        return 0;
}

struct traffic *traffic_new(struct fleet *f)
{
        struct traffic *t = calloc(1, sizeof(*t));

        if (!t)
                errx(1, "out of memory");
        t->fleet = f;
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

void traffic_through(struct traffic *t, const struct hub_process *hub)
{
        assert(t->hub_count < TRAFFIC_HUBS_MAX);
        t->hubs[t->hub_count++] = hub;
}

static void add_lane(struct traffic *t, const struct lane *l)
{
        assert(t->lane_count < TRAFFIC_LANES_MAX);
        t->lanes[t->lane_count++] = *l;
}

void traffic_lane(struct traffic *t, struct device *sender, struct bytes recipients, unsigned count)
{
        add_lane(t, &(struct lane){ .sender = sender, .recipients = recipients, .recipient_count = count });
}

void traffic_lane_to_crowd(struct traffic *t, struct device *sender, unsigned size)
{
        add_lane(t, &(struct lane){ .sender = sender, .crowd = size });
}

/* All counters, as they are now. */
struct reading {
        uint64_t clock, own, hubs, sent, stored, arrived;
};

static struct reading read_all(const struct traffic *t)
{
        struct reading r = { .clock = now_ns(), .own = cpu_ns(), .arrived = t->arrived };

        for (unsigned i = 0; i < t->lane_count; i++) {
                r.sent += device_sent(t->lanes[i].sender);
                r.stored += device_stored(t->lanes[i].sender);
        }
        for (unsigned i = 0; i < t->hub_count; i++)
                r.hubs += process_cpu_ns(t->hubs[i]);
        return r;
}

static struct flow difference(const struct reading *a, const struct reading *b)
{
        return (struct flow){ .seconds = (double) (b->clock - a->clock) / 1e9,
                              .sent = b->stored - a->stored,
                              .arrived = b->arrived - a->arrived,
                              .server_usec = (double) (b->hubs - a->hubs) / 1e3,
                              .client_usec = (double) (b->own - a->own) / 1e3 };
}

/* To ask takes the hubs some time, which is no part of what is measured. */
static struct commits ask_commits(const struct traffic *t)
{
        struct commits sum = { 0 };

        for (unsigned i = 0; i < t->hub_count; i++) {
                struct commits c = hub_process_commits(t->hubs[i]);

                sum.count += c.count;
                sum.requests += c.requests;
        }
        return sum;
}

/* What is on its way arrives. */
static void drain(struct traffic *t, unsigned deliveries)
{
        t->closed = true;
        for (struct reading r = read_all(t); r.stored < r.sent || r.arrived < r.sent * deliveries; r = read_all(t))
                fleet_turn(t->fleet, 100000);
}

struct flow traffic_run(struct traffic *t, double seconds, double rate, unsigned window, unsigned deliveries)
{
        sd_event_source *tick = NULL;
        struct reading start, end;
        struct commits before, after;

        t->closed = false;
        t->window = window;
        t->rate = (uint64_t) rate;
        t->due = 0;
        t->due_from = now_ns();
        if (rate > 0 && (sd_event_add_time_relative(t->fleet->event, &tick, CLOCK_MONOTONIC, 0, 1, on_tick, t) < 0 ||
                         sd_event_source_set_enabled(tick, SD_EVENT_ON) < 0))
                errx(1, "out of memory");
        refill_all(t);
        fleet_rest(t->fleet, WARM_UP_SECONDS);
        before = ask_commits(t);
        start = read_all(t);
        t->took_count = 0;
        fleet_rest(t->fleet, seconds);
        end = read_all(t);
        after = ask_commits(t);
        struct flow f = difference(&start, &end);

        f.group = (double) (after.requests - before.requests) / (double) (after.count - before.count);

        if (t->took_count > 0) {
                f.p50_ms = percentile_ms(t->took, t->took_count, 0.5);
                f.p99_ms = percentile_ms(t->took, t->took_count, 0.99);
        }
        sd_event_source_disable_unref(tick);
        drain(t, deliveries);
        return f;
}
