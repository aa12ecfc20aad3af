/* The metrics of a report over HTTP on a loopback port, for a Prometheus on the same machine: GET /metrics. What the
 * figures are is report.h's. */
#pragma once

#include "hub.h"

struct metrics;

struct metrics_settings {
        const char *directory; /* of the state */
        const char *address;   /* what people are given */
        uint64_t since_usec;
};

/* What a request asks for, as far as it has come. */
enum metrics_request {
        METRICS_INCOMPLETE,
        METRICS_WANTED,
        METRICS_NOT_FOUND,   /* another path: 404 */
        METRICS_NOT_ALLOWED, /* another method: 405 */
        METRICS_MALFORMED,   /* no HTTP: 400 */
};

/* Reads the head of an HTTP/1 request. */
enum metrics_request metrics_request_parse(struct bytes head);

/* Listens at @where, "host:port" of the loopback interface. All that @settings points to, and @h, must outlive it. A
 * sentence has been logged on error. */
int metrics_new(sd_event *event, struct hub *h, const char *where, const struct metrics_settings *settings,
                struct metrics **out);
struct metrics *metrics_free(struct metrics *m);
