/* Would a process a core be faster? */
#include "bench/hub/parts.h"

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
void part_processes(struct report *r, const struct options *o)
{
        double seconds = o->longer ? 15 : 4, one, two;

        report_section(r, "%d pairs of sender and receiver through one hub", PAIRS);
        struct flow f = run_pairs(o, 1, seconds);

        one = tell_rate(r, &f, 0);
        report_section(r, "The same through two hubs that share nothing, half each");
        f = run_pairs(o, 2, seconds);
        two = tell_rate(r, &f, 0);
        report_figure(r, "their rate as a multiple of the one hub's", two / one, "×", 0);
}
