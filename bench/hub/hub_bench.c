/* See hub_bench.h. The hub is the program itself in a process of its own; the load generator is this one, on the same
 * cores. Beside rates, which depend on what else the machine does, stands the processor time of a message on each side,
 * which does not. */
#include "bench/hub/hub_bench.h"

#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/hub/crowd.h"
#include "bench/hub/links.h"
#include "bench/hub/mosquitto_peer.h"
#include "bench/hub/report.h"
#include "bench/hub/sqlite_peer.h"
#include "bench/stopwatch.h"
#include "services/cleanup.h"
#include "services/log.h"

enum {
        FAN_OUT = 100,
        FAN_OUT_WINDOW = 32,
        AT_ONCE = 256, /* links on their way up */
        FILES_SPARE = 100,
        REST_SECONDS = 7, /* after which links count as idle */
};

struct options {
        bool longer, json;
        unsigned links;
        const char *program, *directory;
};

/* A stage: a hub with its crowd, and the devices' side. */
struct stage {
        struct fleet fleet;
        struct hub_process hub;
};

static char *new_directory(const char *below)
{
        char *path;

        if (asprintf(&path, "%s/visavis-bench-XXXXXX", below) < 0 || !mkdtemp(path))
                err(1, "%s", below);
        return path;
}

static void hub_open(struct hub_process *h, const struct options *o, const struct fleet *f, unsigned size,
                     unsigned messages)
{
        *h = (struct hub_process){ .directory = new_directory(o->directory) };
        crowd_make(h->directory, f->public_key, size, messages, 2);
        hub_process_start(h, o->program);
}

static void hub_close(struct hub_process *h)
{
        hub_process_kill(h);
        remove_directory(h->directory);
        free(h->directory);
}

static void stage_open(struct stage *s, const struct options *o, unsigned size, unsigned messages)
{
        *s = (struct stage){ 0 };
        fleet_open(&s->fleet);
        hub_open(&s->hub, o, &s->fleet, size, messages);
        fleet_aim(&s->fleet, s->hub.port);
}

static void stage_close(struct stage *s)
{
        hub_close(&s->hub);
        fleet_close(&s->fleet);
}

static struct traffic *stage_traffic(struct stage *s)
{
        struct traffic *t = traffic_new(&s->fleet);

        traffic_through(t, &s->hub);
        return t;
}

static void report_cost(struct report *r, const struct flow *f, const char *what, uint64_t count)
{
        _cleanup_free_ char *server = NULL, *client = NULL;

        if (asprintf(&server, "processor time of the server, a %s", what) < 0 ||
            asprintf(&client, "processor time of the generator, a %s", what) < 0)
                errx(1, "out of memory");
        report_figure(r, server, f->server_usec / (double) count, "µs", 0);
        report_figure(r, client, f->client_usec / (double) count, "µs", 0);
}

static double report_rate(struct report *r, const struct flow *f, double goal)
{
        double rate = (double) f->arrived / f->seconds;

        report_figure(r, "messages a second", rate, "/s", goal);
        report_cost(r, f, "message", f->sent);
        if (f->group > 0)
                report_figure(r, "requests in a transaction", f->group, "", 0);
        return rate;
}

static struct flow run_mosquitto(const struct options *o, unsigned receivers, unsigned window, double seconds)
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

static struct flow run_sqlite(const struct options *o, unsigned group, double seconds)
{
        _cleanup_free_ char *directory = new_directory(o->directory);
        struct flow f = sqlite_peer(directory, group, seconds);

        remove_directory(directory);
        return f;
}

static void compare(struct report *r, const struct options *o, const struct flow *hub, double rate, double seconds)
{
        unsigned group = (unsigned) hub->group;
        struct flow sqlite = run_sqlite(o, group, seconds),
                    mosquitto = run_mosquitto(o, 1, WIRE_IN_FLIGHT_MAX, seconds);
        double alone = (double) sqlite.sent / sqlite.seconds;

        report_section(r, "Beside it: SQLite alone with the same schema and statements, %u messages a transaction",
                       group);
        report_figure(r, "messages a second", alone, "/s", 0);
        report_figure(r, "processor time, a message", sqlite.server_usec / (double) sqlite.sent, "µs", 0);
        report_figure(r, "the hub's rate as a part of it", rate / alone, "×", 0.6);
        report_section(r, "Beside it: mosquitto, QoS 1, persistence, no TLS, no sync");
        if (mosquitto.arrived == 0) {
                report_note(r, "left out: there is no program mosquitto; install Debian's package mosquitto.");
                return;
        }
        double other = report_rate(r, &mosquitto, 0);

        report_figure(r, "the hub's rate as a multiple of it", rate / other, "×", 1);
}

static void bench_rate(struct report *r, const struct options *o)
{
        double seconds = o->longer ? 15 : 4, rate;
        struct stage s;
        uint8_t name[CROWD_NAME_SIZE];

        stage_open(&s, o, 2, 0);
        struct device *alice = device_new(&s.fleet, "m0"), *bob = device_new(&s.fleet, "m1");
        struct traffic *t = stage_traffic(&s);

        device_connect(alice, true);
        device_connect(bob, true);
        fleet_wait(&s.fleet, 2);
        traffic_lane(t, alice, crowd_recipient(1, name), 1);
        report_section(r, "One sender, one receiver, 1 KiB, each on disk before it is acknowledged");
        report_figure(r, "fdatasync of 4 KiB", fdatasync_ms(s.hub.directory), "ms", 0);
        struct flow alone = traffic_run(t, seconds / 2, 0, 1, 1);

        report_figure(r, "one at a time, p50", alone.p50_ms, "ms", 0);
        report_figure(r, "one at a time, p99", alone.p99_ms, "ms", 0);
        struct flow full = traffic_run(t, seconds, 0, WIRE_IN_FLIGHT_MAX, 1);

        rate = report_rate(r, &full, 20000);
        struct flow third = traffic_run(t, seconds, rate / 3, WIRE_IN_FLIGHT_MAX, 1);

        report_figure(r, "at a third of that rate, p50", third.p50_ms, "ms", 0);
        report_figure(r, "at a third of that rate, p99", third.p99_ms, "ms", -10);
        report_cost(r, &third, "message at that rate", third.sent);
        traffic_free(t);
        device_free(alice);
        device_free(bob);
        stage_close(&s);
        compare(r, o, &full, rate, seconds);
}

static void bench_fan_out(struct report *r, const struct options *o)
{
        _cleanup_writer_ struct writer recipients = WRITER_INIT;
        struct device *devices[FAN_OUT + 1];
        double seconds = o->longer ? 15 : 4;
        char name[CROWD_NAME_SIZE];
        struct stage s;

        stage_open(&s, o, FAN_OUT + 1, 0);
        for (unsigned i = 0; i <= FAN_OUT; i++) {
                crowd_name(i, name);
                devices[i] = device_new(&s.fleet, name);
                device_connect(devices[i], true);
                if (i > 0)
                        write_recipient(&recipients, BYTES_STRING(name));
        }
        fleet_wait(&s.fleet, FAN_OUT + 1);
        struct traffic *t = stage_traffic(&s);

        traffic_lane(t, devices[0], writer_bytes(&recipients), FAN_OUT);
        struct flow f = traffic_run(t, seconds, 0, FAN_OUT_WINDOW, FAN_OUT);
        double rate = (double) f.arrived / f.seconds;

        report_section(r, "One sender, %d receivers online, the body stored once", FAN_OUT);
        report_figure(r, "deliveries a second", rate, "/s", 100000);
        report_cost(r, &f, "delivery", f.arrived);
        traffic_free(t);
        for (unsigned i = 0; i <= FAN_OUT; i++)
                device_free(devices[i]);
        stage_close(&s);
        struct flow m = run_mosquitto(o, FAN_OUT, FAN_OUT_WINDOW, seconds);

        if (m.arrived == 0)
                return;
        report_section(r, "Beside it: mosquitto, QoS 1, %d subscribers", FAN_OUT);
        report_figure(r, "deliveries a second", (double) m.arrived / m.seconds, "/s", 0);
        report_cost(r, &m, "delivery", m.arrived);
        report_figure(r, "the hub's rate as a multiple of it", rate / ((double) m.arrived / m.seconds), "×", 0);
}

/* Both ends of a link are open files of this machine, though of two processes. */
static unsigned links_possible(unsigned wanted)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                err(1, "getrlimit");
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
        return limit.rlim_max < wanted + FILES_SPARE ? (unsigned) limit.rlim_max - FILES_SPARE : wanted;
}

static void bench_links(struct report *r, const struct options *o)
{
        unsigned count = links_possible(o->links), some = count / 5;
        struct stage s;

        stage_open(&s, o, count, 0);
        struct links *l = links_new(&s.fleet, count);
        uint64_t own;
        double first;

        (void) links_connect(l, 0, 1, 1);
        uint64_t before = process_private_bytes(s.hub.pid), cpu = process_cpu_ns(&s.hub);

        report_section(r, "%u links, each proves its transport key", count);
        own = cpu_ns();
        first = links_connect(l, 1, some, AT_ONCE);
        own = cpu_ns() - own;
        report_figure(r, "links accepted a second", (some - 1) / first, "/s", 0);
        report_figure(r, "processor time of the generator, a link", (double) own / 1e3 / (some - 1), "µs", 0);
        report_figure(r, "processor time of the hub, a link",
                      (double) (process_cpu_ns(&s.hub) - cpu) / 1e3 / (some - 1), "µs", 0);
        fleet_rest(&s.fleet, REST_SECONDS);
        report_figure(r, "private memory of the hub, an idle link of the first fifth",
                      (double) (process_private_bytes(s.hub.pid) - before) / 1024 / (some - 1), "KiB", 0);
        (void) links_connect(l, some, count, AT_ONCE);
        fleet_rest(&s.fleet, REST_SECONDS);
        report_figure(r, "private memory of the hub, an idle link",
                      (double) (process_private_bytes(s.hub.pid) - before) / 1024 / (count - 1), "KiB", -16);
        uint64_t start = now_ns();

        hub_process_kill(&s.hub);
        links_drop(l);
        start = now_ns();
        hub_process_start(&s.hub, o->program);
        (void) links_connect(l, 0, count, AT_ONCE);
        report_figure(r, "all back after the hub was killed and started again", (double) (now_ns() - start) / 1e9, "s",
                      -20);
        links_drop(l);
        s.fleet.resumed = 0;
        cpu = process_cpu_ns(&s.hub);
        first = links_connect(l, 0, some, AT_ONCE);
        report_figure(r, "links accepted a second, resumed", some / first, "/s", 0);
        report_figure(r, "processor time of the hub, a resumed link",
                      (double) (process_cpu_ns(&s.hub) - cpu) / 1e3 / some, "µs", 0);
        links_free(l);
        stage_close(&s);
}

/* One sender, one receiver, and then everybody as receiver, while so much lies in so many mailboxes. */
static void curve_point(struct report *r, const struct options *o, unsigned mailboxes, unsigned messages)
{
        _cleanup_free_ char *one = NULL, *all = NULL, *cost = NULL, *all_cost = NULL;
        double seconds = o->longer ? 6 : 2;
        uint8_t name[CROWD_NAME_SIZE];
        struct stage s;

        stage_open(&s, o, mailboxes, messages);
        struct device *alice = device_new(&s.fleet, "m0"), *bob = device_new(&s.fleet, "m1");
        struct traffic *t = stage_traffic(&s);

        device_connect(alice, true);
        device_connect(bob, true);
        fleet_wait(&s.fleet, 2);
        traffic_lane(t, alice, crowd_recipient(1, name), 1);
        struct flow f = traffic_run(t, seconds, 0, WIRE_IN_FLIGHT_MAX, 1);

        device_free(bob);
        traffic_free(t);
        t = stage_traffic(&s);
        traffic_lane_to_crowd(t, alice, mailboxes);
        struct flow g = traffic_run(t, seconds, 0, WIRE_IN_FLIGHT_MAX, 0);

        report_section(r, "%u messages in %u mailboxes", messages, mailboxes);
        report_figure(r, "one to one, messages a second", (double) f.sent / f.seconds, "/s", 0);
        report_figure(r, "one to one, processor time of the hub, a message", f.server_usec / (double) f.sent, "µs", 0);
        report_figure(r, "one to everybody at random, messages a second", (double) g.sent / g.seconds, "/s", 0);
        report_figure(r, "one to everybody at random, processor time of the hub", g.server_usec / (double) g.sent, "µs",
                      0);
        traffic_free(t);
        device_free(alice);
        stage_close(&s);
}

static void bench_curve(struct report *r, const struct options *o)
{
        unsigned most = o->longer ? 1000000 : 100000;

        for (unsigned messages = 1000; messages <= most; messages *= 10)
                curve_point(r, o, 1000, messages);
        for (unsigned mailboxes = 10; mailboxes <= most / 10; mailboxes *= 10)
                curve_point(r, o, mailboxes, 10000);
}

enum { PAIRS = 4 };

static struct flow run_pairs(const struct options *o, unsigned hub_count, double seconds)
{
        struct hub_process hubs[TRAFFIC_HUBS_MAX];
        uint8_t recipients[PAIRS][CROWD_NAME_SIZE];
        struct device *devices[2 * PAIRS];
        char name[CROWD_NAME_SIZE];
        struct fleet fleet = { 0 };

        fleet_open(&fleet);
        struct traffic *t = traffic_new(&fleet);

        for (unsigned i = 0; i < hub_count; i++) {
                hub_open(&hubs[i], o, &fleet, 2 * PAIRS, 0);
                traffic_through(t, &hubs[i]);
        }
        for (unsigned i = 0; i < 2 * PAIRS; i++) {
                crowd_name(i, name);
                fleet_aim(&fleet, hubs[i / 2 % hub_count].port);
                devices[i] = device_new(&fleet, name);
                device_connect(devices[i], true);
                if (i % 2 == 1)
                        traffic_lane(t, devices[i - 1], crowd_recipient(i, recipients[i / 2]), 1);
        }
        fleet_wait(&fleet, 2 * PAIRS);
        struct flow f = traffic_run(t, seconds, 0, WIRE_IN_FLIGHT_MAX, 1);

        traffic_free(t);
        for (unsigned i = 0; i < 2 * PAIRS; i++)
                device_free(devices[i]);
        for (unsigned i = 0; i < hub_count; i++)
                hub_close(&hubs[i]);
        fleet_close(&fleet);
        return f;
}

/* Two hubs that share nothing: more than they gain, two processes of one hub could not gain. */
static void bench_processes(struct report *r, const struct options *o)
{
        double seconds = o->longer ? 15 : 4, one, two;

        report_section(r, "%d pairs of sender and receiver through one hub", PAIRS);
        struct flow f = run_pairs(o, 1, seconds);

        one = report_rate(r, &f, 0);
        report_section(r, "The same through two hubs that share nothing, half each");
        f = run_pairs(o, 2, seconds);
        two = report_rate(r, &f, 0);
        report_figure(r, "their rate as a multiple of the one hub's", two / one, "×", 0);
}

static const struct part {
        const char *name;
        void (*run)(struct report *r, const struct options *o);
} parts[] = {
        { "rate", bench_rate },   { "fan-out", bench_fan_out },     { "links", bench_links },
        { "curve", bench_curve }, { "processes", bench_processes },
};

static void run_part(struct report *r, const struct options *o, const char *name)
{
        for (unsigned i = 0; i < COUNT_OF(parts); i++) {
                if (!name || strcmp(parts[i].name, name) == 0) {
                        parts[i].run(r, o);
                        if (name)
                                return;
                }
        }
        if (name)
                errx(2, "there is no part called %s; there are rate, fan-out, links, curve and processes", name);
}

static const char usage[] =
        "usage: visavis-bench hub [--long] [--json] [--links COUNT] [--hub PROGRAM] [--directory DIRECTORY] [PART…]\n"
        "  Measures a hub: rate, fan-out, links, curve and processes, all of them or the named ones.\n"
        "  The hub's state goes to new directories below DIRECTORY (default: /var/tmp).\n";

int hub_bench(int argc, char *argv[])
{
        static const struct option longs[] = { { "long", no_argument, NULL, 'l' },
                                               { "json", no_argument, NULL, 'j' },
                                               { "links", required_argument, NULL, 'n' },
                                               { "hub", required_argument, NULL, 'h' },
                                               { "directory", required_argument, NULL, 'd' },
                                               { "help", no_argument, NULL, '?' },
                                               { NULL, 0, NULL, 0 } };
        struct options o = { .program = VISAVIS_HUB, .directory = "/var/tmp", .links = 10000 };
        int c;

        while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
                switch (c) {
                case 'l':
                        o.longer = true;
                        break;
                case 'j':
                        o.json = true;
                        break;
                case 'n':
                        o.links = (unsigned) strtoul(optarg, NULL, 10);
                        break;
                case 'h':
                        o.program = optarg;
                        break;
                case 'd':
                        o.directory = optarg;
                        break;
                default:
                        fputs(usage, stderr);
                        return 2;
                }
        }
        (void) signal(SIGPIPE, SIG_IGN);
        struct report *r = report_new(o.json);
        double load = 0;

        (void) getloadavg(&load, 1);
        report_section(r, "The machine");
        report_figure(r, "load average before (rates count only near 0)", load, "", 0);

        if (optind == argc)
                run_part(r, &o, NULL);
        for (int i = optind; i < argc; i++)
                run_part(r, &o, argv[i]);
        report_free(r);
        return 0;
}
