/* One sender, one receiver, each message on disk before it is acknowledged; and the peers. */
#include "bench/hub/parts.h"

#include <stdlib.h>

#include "bench/hub/sqlite_peer.h"
#include "bench/stopwatch.h"
#include "services/cleanup.h"

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
        double other = tell_rate(r, &mosquitto, 0);

        report_figure(r, "the hub's rate as a multiple of it", rate / other, "×", 1);
}

void part_rate(struct report *r, const struct options *o)
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

        rate = tell_rate(r, &full, 20000);
        struct flow third = traffic_run(t, seconds, rate / 3, WIRE_IN_FLIGHT_MAX, 1);

        report_figure(r, "at a third of that rate, p50", third.p50_ms, "ms", 0);
        report_figure(r, "at a third of that rate, p99", third.p99_ms, "ms", -10);
        tell_cost(r, &third, "message at that rate", third.sent);
        traffic_free(t);
        device_free(alice);
        device_free(bob);
        stage_close(&s);
        compare(r, o, &full, rate, seconds);
}
