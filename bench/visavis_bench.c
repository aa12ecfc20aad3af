/* visavis-bench: measurements that need a load of their own. */
#include <stdio.h>
#include <string.h>

#include "bench/hub/files_bench.h"
#include "bench/hub/hub_bench.h"
#include "services/log.h"

static const struct command {
        const char *name;
        int (*run)(int argc, char *argv[]);
} commands[] = {
        { "hub", hub_bench },
        { "files", files_bench },
};

int main(int argc, char *argv[])
{
        setlinebuf(stdout);
        log_open("visavis-bench", LOG_ERR);
        for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
                if (strcmp(argv[1], commands[i].name) == 0)
                        return commands[i].run(argc - 1, argv + 1);
        }
        fputs("usage: visavis-bench hub [OPTION]… | files [MIB [DIRECTORY]] ; see visavis-bench hub --help\n", stderr);
        return 2;
}
