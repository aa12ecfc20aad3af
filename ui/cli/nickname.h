/* The names that a person has given their contacts, in the place of addresses. */
#pragma once

#include "ui/cli/cli.h"

/* How many of the account's contacts have this nickname, in @found, and the address of the last of them. EXIT_OK, or
 * the error has been printed. */
int nickname_find(struct cli *cli, const struct cli_account *account, const char *nickname,
                  char out[static ADDRESS_TEXT_MAX], unsigned *found);

/* The address that @whom means: what has an @ as it is, else that of the one contact with this nickname. EXIT_OK, or
 * the error has been printed. */
int nickname_address(struct cli *cli, const struct cli_account *account, const char *whom,
                     char out[static ADDRESS_TEXT_MAX]);
