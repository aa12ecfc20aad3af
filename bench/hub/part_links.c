/* Links by the thousand. */
#include "bench/hub/parts.h"

#include <err.h>
#include <sys/resource.h>

#include "bench/hub/links.h"
#include "bench/stopwatch.h"

enum {
        AT_ONCE = 256, /* links on their way up */
        FILES_SPARE = 100,
        REST_SECONDS = 7, /* after which links count as idle */
};

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

static double kib_each(const struct stage *s, uint64_t before, unsigned count)
{
        return (double) (process_private_bytes(s->hub.pid) - before) / 1024 / count;
}

/* What processor time a link takes on either side is measured with the first fifth, memory with all. */
static void accept_all(struct report *r, struct stage *s, struct links *l, unsigned count)
{
        unsigned some = count / 5;

        (void) links_connect(l, 0, 1, 1); /* what the first one costs is not what each costs */
        uint64_t memory = process_private_bytes(s->hub.pid), hub = process_cpu_ns(&s->hub), own = cpu_ns();
        double seconds = links_connect(l, 1, some, AT_ONCE);

        report_figure(r, "links accepted a second", (some - 1) / seconds, "/s", 0);
        report_figure(r, "processor time of the generator, a link", (double) (cpu_ns() - own) / 1e3 / (some - 1), "µs",
                      0);
        report_figure(r, "processor time of the hub, a link",
                      (double) (process_cpu_ns(&s->hub) - hub) / 1e3 / (some - 1), "µs", 0);
        fleet_rest(&s->fleet, REST_SECONDS);
        report_figure(r, "private memory of the hub, an idle link of the first fifth", kib_each(s, memory, some - 1),
                      "KiB", 0);
        (void) links_connect(l, some, count, AT_ONCE);
        fleet_rest(&s->fleet, REST_SECONDS);
        report_figure(r, "private memory of the hub, an idle link", kib_each(s, memory, count - 1), "KiB", -16);
}

static void come_back(struct report *r, struct stage *s, struct links *l, unsigned count, const char *program)
{
        hub_process_kill(&s->hub);
        links_drop(l);
        uint64_t start = now_ns();

        hub_process_start(&s->hub, program);
        (void) links_connect(l, 0, count, AT_ONCE);
        report_figure(r, "all back after the hub was killed and started again", (double) (now_ns() - start) / 1e9, "s",
                      -20);
}

static void resume(struct report *r, struct stage *s, struct links *l, unsigned count)
{
        links_drop(l);
        s->fleet.resumed = 0;
        uint64_t hub = process_cpu_ns(&s->hub);
        double seconds = links_connect(l, 0, count, AT_ONCE);

        if (s->fleet.resumed < count)
                report_note(r, "only %u of %u links were resumed", s->fleet.resumed, count);
        report_figure(r, "links accepted a second, resumed", count / seconds, "/s", 0);
        report_figure(r, "processor time of the hub, a resumed link",
                      (double) (process_cpu_ns(&s->hub) - hub) / 1e3 / count, "µs", 0);
}

void part_links(struct report *r, const struct options *o)
{
        unsigned count = links_possible(o->links);
        struct stage s;

        stage_open(&s, o, count, 0);
        struct links *l = links_new(&s.fleet, count);

        report_section(r, "%u links, each proves its transport key", count);
        accept_all(r, &s, l, count);
        come_back(r, &s, l, count, o->program);
        resume(r, &s, l, count / 5);
        links_free(l);
        stage_close(&s);
}
