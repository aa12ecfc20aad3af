/* Messages through a hub: as many as it takes, or so many a second, and what they cost on either side. */
#pragma once

#include "bench/hub/device.h"
#include "bench/hub/hub_process.h"

enum { MESSAGE_SIZE = 1024 };

/* What a stretch of traffic was like. */
struct flow {
        double seconds;
        uint64_t sent, arrived;
        double server_usec, client_usec; /* processor time, of all that was sent */
        double p50_ms, p99_ms;           /* sent to arrived */
        double group;                    /* requests in a transaction */
};

struct traffic;

enum { TRAFFIC_LANES_MAX = 8, TRAFFIC_HUBS_MAX = 2 };

struct traffic *traffic_new(struct fleet *f);
struct traffic *traffic_free(struct traffic *t);

/* A hub whose work is counted. */
void traffic_through(struct traffic *t, const struct hub_process *hub);

/* A sender, which is up already, and to whom it sends: @count names as the content of the vector; or, without any, one
 * of a crowd of @size at random for each message. */
void traffic_lane(struct traffic *t, struct device *sender, struct bytes recipients, unsigned count);
void traffic_lane_to_crowd(struct traffic *t, struct device *sender, unsigned size);

/* For @seconds after a moment of warming up: @rate messages a second, 0 for as many as are taken with @window
 * unanswered of each sender. Comes back when all has arrived that is on its way, @deliveries for each message. */
struct flow traffic_run(struct traffic *t, double seconds, double rate, unsigned window, unsigned deliveries);
