/* The second factor, as the person gives it to the CLI. */
#pragma once

#include "services/secret.h"
#include "ui/cli/cli.h"

/* What is asked for. */
enum factor_wanted {
        FACTOR_CURRENT,
        FACTOR_NEW,
        FACTOR_RECOVERY,
        FACTOR_PASSPHRASE,
        FACTOR_INVITATION,
        FACTOR_ENVELOPE,
        FACTOR_NEW_ENVELOPE
};

/* What --recovery or --passphrase stand for; else FACTOR_CURRENT. */
enum factor_wanted cli_factor(const struct cli *cli);

/* Reads it from --pin-fd (a new one, where both are asked for, from --new-pin-fd), or from the terminal without echo,
 * a new one twice. One line of UTF-8, PIN_SIZE_MIN (of a legacy envelope 1)
 * to PIN_SIZE_MAX bytes. Closes the descriptor. EXIT_OK, or the error
 * has been printed.
 */
int pin_read(const struct cli *cli, enum factor_wanted wanted, struct secret **out);

/* The token of a sign-up, in the same way from --invitation-fd, or asked for with --invitation; NULL if neither was
 * said. A token is worth an account to whoever reads it, so it is no argument, which every user of the machine could
 * see. */
int invitation_read(const struct cli *cli, struct secret **out);
