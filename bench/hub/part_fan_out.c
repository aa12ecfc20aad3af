/* One sender, a hundred receivers that are online. */
#include "bench/hub/parts.h"

enum { FAN_OUT = 100, WINDOW = 128 };

void part_fan_out(struct report *r, const struct options *o)
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
        struct flow f = traffic_run(t, seconds, 0, WINDOW, FAN_OUT);
        double rate = (double) f.arrived / f.seconds;

        report_section(r, "One sender, %d receivers online, the body stored once", FAN_OUT);
        report_figure(r, "deliveries a second", rate, "/s", 100000);
        tell_cost(r, &f, "delivery", f.arrived);
        traffic_free(t);
        for (unsigned i = 0; i <= FAN_OUT; i++)
                device_free(devices[i]);
        stage_close(&s);
        struct flow m = run_mosquitto(o, FAN_OUT, WINDOW, seconds);

        if (m.arrived == 0)
                return;
        report_section(r, "Beside it: mosquitto, QoS 1, %d subscribers", FAN_OUT);
        report_figure(r, "deliveries a second", (double) m.arrived / m.seconds, "/s", 0);
        tell_cost(r, &m, "delivery", m.arrived);
        report_figure(r, "the hub's rate as a multiple of it", rate / ((double) m.arrived / m.seconds), "×", 0);
}
