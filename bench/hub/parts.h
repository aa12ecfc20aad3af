/* The parts of visavis-bench hub, and what they have in common. */
#pragma once

#include "bench/hub/crowd.h"
#include "bench/hub/report.h"
#include "bench/hub/traffic.h"

struct options {
        bool longer;
        unsigned links;
        const char *program;   /* the hub */
        const char *directory; /* below which each run has a new one */
};

void part_rate(struct report *r, const struct options *o);
void part_fan_out(struct report *r, const struct options *o);
void part_links(struct report *r, const struct options *o);
void part_curve(struct report *r, const struct options *o);
void part_processes(struct report *r, const struct options *o);

/* A hub with a crowd of so many accounts, which have so many messages, and the devices' side of it. */
struct stage {
        struct fleet fleet;
        struct hub_process hub;
};

void stage_open(struct stage *s, const struct options *o, unsigned size, unsigned messages);
void stage_close(struct stage *s);

/* Traffic through the stage's hub, without any lane yet. */
struct traffic *stage_traffic(struct stage *s);

/* A hub more for a fleet. */
void hub_open(struct hub_process *h, const struct options *o, const struct fleet *f, unsigned size, unsigned messages);
void hub_close(struct hub_process *h);

/* A new directory, for the caller to remove and to free. */
char *new_directory(const char *below);

/* What one message (or delivery) cost on either side; and that with the rate, which is returned. */
void tell_cost(struct report *r, const struct flow *f, const char *what, uint64_t count);
double tell_rate(struct report *r, const struct flow *f, double goal);

/* One run of mosquitto; nothing has arrived if there is no such program. */
struct flow run_mosquitto(const struct options *o, unsigned receivers, unsigned window, double seconds);
