/* visavis hub run: a hub of one's own, with a place for its state and nothing else to set up. The other words behind
 * “hub” are for command_hub_find.c and command_hub_control.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/command_hub_control.h"
#include "ui/cli/command_hub_find.h"
#include "ui/cli/hub_control.h"

/* Makes @path and what is missing above it, for the person alone. */
static int make_directories(char *path)
{
        for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
                *p = '\0';
                int r = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
                *p = '/';
                if (r < 0)
                        return r;
        }
        return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static bool names_state(int argc, char *argv[])
{
        for (int i = 0; i < argc; i++)
                if (strcmp(argv[i], "--state") == 0 || strncmp(argv[i], "--state=", 8) == 0)
                        return true;
        return false;
}

/* The hub that was installed or built with this program, else the one that PATH finds. */
static void execute(char *arguments[])
{
        char path[4096];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("visavis-hub"));

        if (n > 0) {
                path[n] = '\0';
                strcpy(strrchr(path, '/') + 1, "visavis-hub");
                execv(path, arguments);
        }
        execvp("visavis-hub", arguments);
}

static int run(struct cli *cli, int argc, char *argv[])
{
        static char program[] = "visavis-hub", option[] = "--state";
        _cleanup_free_ char *state = NULL;
        _cleanup_free_ char **arguments = calloc((size_t) argc + 3, sizeof(*arguments));
        int n = 0;

        if (!arguments)
                return cli_fail(cli, EXIT_OTHER, "There is not enough memory to start the hub.");
        arguments[n++] = program;
        if (!names_state(argc, argv)) {
                state = hub_own_directory();
                if (!state)
                        return cli_fail(cli, EXIT_USAGE,
                                        "There is no place for the hub's state, since HOME is not set; name one with "
                                        "--state DIRECTORY.");
                int r = make_directories(state);
                if (r < 0)
                        return cli_fail(cli, EXIT_OTHER, "%s could not be made: %s. Name another place with --state.",
                                        state, strerror(-r));
                arguments[n++] = option;
                arguments[n++] = state;
        }
        for (int i = 1; i < argc; i++)
                arguments[n++] = argv[i];
        execute(arguments);
        return cli_fail(cli, EXIT_OTHER, "visavis-hub could not be started: %s. Install it, or put it in your PATH.",
                        strerror(errno));
}

int command_hub(struct cli *cli, int argc, char *argv[])
{
        if (argc > 0 && strcmp(argv[0], "run") == 0)
                return run(cli, argc, argv);
        if (argc > 0 && strcmp(argv[0], "find") == 0)
                return command_hub_find(cli, argc - 1, argv + 1);
        return command_hub_control(cli, argc, argv);
}
