/* visavis hub status, accounts, remove, invite, invitations, revoke, log, backup. */
#pragma once

#include "ui/cli/cli.h"

int command_hub_control(struct cli *cli, int argc, char *argv[]);
