/* See hub_bench.h. The hub is the program itself in a process of its own; the load generator is this one, on the same
 * cores. Beside rates, which depend on what else the machine does, stands the processor time of a message on each side,
 * which does not. */
#include "bench/hub/hub_bench.h"

#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "bench/hub/parts.h"
#include "services/cleanup.h"

static const struct part {
        const char *name;
        void (*run)(struct report *r, const struct options *o);
} parts[] = {
        { "rate", part_rate },   { "fan-out", part_fan_out },     { "links", part_links },
        { "curve", part_curve }, { "processes", part_processes },
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
        bool json = false;
        struct options o = { .program = VISAVIS_HUB, .directory = "/var/tmp", .links = 10000 };
        int c;

        while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
                switch (c) {
                case 'l':
                        o.longer = true;
                        break;
                case 'j':
                        json = true;
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
        struct report *r = report_new(json);
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
