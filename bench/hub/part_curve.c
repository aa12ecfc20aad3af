/* How the cost of a message grows with what is stored, and with how many mailboxes there are. */
#include <stdlib.h>

#include "bench/hub/parts.h"
#include "bench/hub/sqlite_peer.h"
#include "bench/stopwatch.h"
#include "services/cleanup.h"

/* What SQLite alone takes for the same random messages, in groups of the same size. */
static void beside(struct report *r, const struct options *o, unsigned mailboxes, const struct flow *hub,
                   double seconds)
{
        _cleanup_free_ char *directory = new_directory(o->directory);
        struct flow f = sqlite_peer_crowd(directory, (unsigned) hub->group, mailboxes, seconds);

        remove_directory(directory);
        report_figure(r, "SQLite alone, one to everybody at random, processor time", f.server_usec / (double) f.sent,
                      "µs", 0);
}

/* One sender, one receiver, and then everybody as receiver, while so much lies in so many mailboxes. */
static void curve_point(struct report *r, const struct options *o, unsigned mailboxes, unsigned messages)
{
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
        report_figure(r, "requests in a transaction", g.group, "", 0);
        beside(r, o, mailboxes, &g, seconds);
        traffic_free(t);
        device_free(alice);
        stage_close(&s);
}

void part_curve(struct report *r, const struct options *o)
{
        unsigned most = o->longer ? 1000000 : 100000;

        for (unsigned messages = 1000; messages <= most; messages *= 10)
                curve_point(r, o, 1000, messages);
        for (unsigned mailboxes = 10; mailboxes <= most / 10; mailboxes *= 10)
                curve_point(r, o, mailboxes, 10000);
}
