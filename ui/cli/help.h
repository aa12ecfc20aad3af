/* The commands, and what --help says of them. */
#pragma once

#include <stdio.h>

#include "ui/cli/cli.h"

/* Options that only some commands understand. */
enum {
        OPTION_ACCOUNT = 1 << 0,
        OPTION_CAMERA = 1 << 1,
        OPTION_SUITE = 1 << 2,
        OPTION_PIN_FD = 1 << 3,
        OPTION_LAST = 1 << 4,
        OPTION_FOLLOW = 1 << 5,
        OPTION_NEW_PIN_FD = 1 << 6,
        OPTION_RECOVERY = 1 << 7,
        OPTION_PASSPHRASE = 1 << 8,
        OPTION_STATE = 1 << 9,
        OPTION_USES = 1 << 10,
        OPTION_EXPIRES = 1 << 11,
        OPTION_INVITATION = 1 << 12,
        OPTION_INVITATION_FD = 1 << 13,
        OPTION_LOCAL = 1 << 14,
        OPTION_SCANNED_FD = 1 << 15,
        OPTION_NUMBER = 1 << 16,
        OPTION_YES = 1 << 17,
        OPTION_OUTPUT = 1 << 18,
        OPTION_OFFSET = 1 << 19,
        OPTION_LEGACY_CBC = 1 << 20,
        OPTION_TO = 1 << 21,
        OPTION_NUMBERS = 1 << 22,
        OPTION_IN = 1 << 23,
        OPTION_FROM = 1 << 24,
        OPTION_ALL = 1 << 25,
        OPTION_VOICE = 1 << 26,
        OPTION_SINCE = 1 << 27,
        OPTION_FACTOR = OPTION_ACCOUNT | OPTION_CAMERA | OPTION_PIN_FD | OPTION_RECOVERY | OPTION_PASSPHRASE,
};

struct command {
        const char *name;
        const char *arguments;
        const char *summary;
        const char *description; /* paragraphs, each line at most 79 columns */
        unsigned options;
        int (*run)(struct cli *cli, int argc, char *argv[]);
};

/* Ended by {NULL}. */
extern const struct command commands[];

/* NULL if there is none of that name. */
const struct command *command_find(const char *name);

/* What visavis --help or, with @command, visavis COMMAND --help says. */
void help_print(FILE *f, const struct command *command);
