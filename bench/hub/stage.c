/* See parts.h. */
#include "bench/hub/parts.h"

#include <err.h>
#include <stdlib.h>

#include "bench/hub/mosquitto_peer.h"
#include "bench/stopwatch.h"
#include "services/cleanup.h"

char *new_directory(const char *below)
{
        char *path;

        if (asprintf(&path, "%s/visavis-bench-XXXXXX", below) < 0 || !mkdtemp(path))
                err(1, "%s", below);
        return path;
}

void hub_open(struct hub_process *h, const struct options *o, const struct fleet *f, unsigned size, unsigned messages)
{
        *h = (struct hub_process){ .directory = new_directory(o->directory) };
        crowd_make(h->directory, f->public_key, size, messages, 2);
        hub_process_start(h, o->program);
}

void hub_close(struct hub_process *h)
{
        hub_process_kill(h);
        remove_directory(h->directory);
        free(h->directory);
}

void stage_open(struct stage *s, const struct options *o, unsigned size, unsigned messages)
{
        *s = (struct stage){ 0 };
        fleet_open(&s->fleet);
        hub_open(&s->hub, o, &s->fleet, size, messages);
        fleet_aim(&s->fleet, s->hub.port);
}

void stage_close(struct stage *s)
{
        hub_close(&s->hub);
        fleet_close(&s->fleet);
}

struct traffic *stage_traffic(struct stage *s)
{
        struct traffic *t = traffic_new(&s->fleet);

        traffic_through(t, &s->hub);
        return t;
}

void tell_cost(struct report *r, const struct flow *f, const char *what, uint64_t count)
{
        _cleanup_free_ char *server = NULL, *client = NULL;

        if (asprintf(&server, "processor time of the server, a %s", what) < 0 ||
            asprintf(&client, "processor time of the generator, a %s", what) < 0)
                errx(1, "out of memory");
        report_figure(r, server, f->server_usec / (double) count, "µs", 0);
        report_figure(r, client, f->client_usec / (double) count, "µs", 0);
}

double tell_rate(struct report *r, const struct flow *f, double goal)
{
        double rate = (double) f->arrived / f->seconds;

        report_figure(r, "messages a second", rate, "/s", goal);
        tell_cost(r, f, "message", f->sent);
        if (f->group > 0)
                report_figure(r, "requests in a transaction", f->group, "", 0);
        return rate;
}

struct flow run_mosquitto(const struct options *o, unsigned receivers, unsigned window, double seconds)
{
        _cleanup_free_ char *directory = new_directory(o->directory);
        struct mosquitto *m = mosquitto_start(directory);
        struct flow f = { 0 };

        if (m)
                f = mosquitto_run(m, receivers, window, seconds);
        mosquitto_stop(m);
        remove_directory(directory);
        return f;
}
