/* visavis hub find. */
#pragma once

#include "ui/cli/cli.h"

int command_hub_find(struct cli *cli, int argc, char *argv[]);
