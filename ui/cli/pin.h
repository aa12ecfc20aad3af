/* The second factor, as the person gives it to the CLI. */
#pragma once

#include "services/secret.h"
#include "ui/cli/cli.h"

/* Reads the PIN or passphrase from --pin-fd, or from the terminal without echo (twice, and both must agree, if @new).
 * One line of UTF-8, PIN_SIZE_MIN to PIN_SIZE_MAX bytes. Closes the descriptor. EXIT_OK, or the error has been printed.
 */
int pin_read(const struct cli *cli, bool new, struct secret **out);
