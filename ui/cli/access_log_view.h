/* visavis hub log: the last lines of the hub's access log, and those that follow. */
#pragma once

#include "ui/cli/cli.h"

/* Shows --last lines (else 20), and with --follow goes on, over rotations of the file, until it is interrupted. */
int access_log_show(struct cli *cli);
