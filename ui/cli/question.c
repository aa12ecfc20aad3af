/* A question that a person answers on the terminal (cli.h). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"

int cli_ask(const struct cli *cli, const char *question, const char *instead)
{
        _cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        char answer[8] = "";

        if (tty < 0)
                return cli_fail(cli, EXIT_USAGE, "There is no terminal to ask for an answer; say %s.", instead);
        dprintf(tty, "%s (yes/no) ", question);
        if (read(tty, answer, sizeof(answer) - 1) > 0 && strcmp(answer, "yes\n") == 0)
                return EXIT_OK;
        return cli_fail(cli, EXIT_OTHER, "Nothing was changed.");
}
