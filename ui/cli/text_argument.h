/* The text of a message as a command gets it. */
#pragma once

#include "ui/cli/cli.h"

/* Bytes, as im.visavis.Crypto1.Messages takes it. */
enum { TEXT_ARGUMENT_MAX = 65536 };

/* The words of the command with a space between them, or what standard input has, for "-" or none. @out:
 * TEXT_ARGUMENT_MAX + 2 bytes. EXIT_OK, or the error has been printed: it is empty, too long, or no UTF-8. */
int text_argument(const struct cli *cli, int argc, char *argv[], char *out);
