/* A report: what a hub's owner is told of it, as a JSON object or in OpenMetrics (docs/admin.md has the names). */
#pragma once

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "hub.h"

struct report {
        const char *address; /* host:port#key */
        uint64_t since_usec; /* CLOCK_REALTIME */
        enum store_policy registration;
        bool access_log;
        int64_t access_log_bytes;
        struct hub_figures figures;
        struct store_census census;
        int64_t disk_free_bytes; /* on the disk of the state directory */
};

/* The words of hub.conf for who may register. */
const char *policy_name(enum store_policy policy);

/* Takes all that the loop's thread knows; the census and the disk are for report_count(). */
void report_take(struct report *r, struct hub *h, const char *address, uint64_t since_usec);

/* Counts what is stored, in any thread but the loop's. Errors: as store_view_census(). */
int report_count(struct report *r, const struct store *s, const char *directory);

/* A new object, the caller's. */
json_object *report_json(const struct report *r);

/* OpenMetrics 1.0, with its # EOF. */
void report_metrics(const struct report *r, FILE *f);
