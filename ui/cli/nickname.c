/* See nickname.h. */
#include "ui/cli/nickname.h"

#include <stdio.h>
#include <string.h>

#include "services/cleanup.h"

int nickname_find(struct cli *cli, const struct cli_account *account, const char *nickname,
                  char out[static ADDRESS_TEXT_MAX], unsigned *found)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *address, *name;
        int r = cli_call(cli, account->path, CRYPTO_CONTACTS, "List", &reply, "");

        if (r != EXIT_OK)
                return r;
        *found = 0;
        r = sd_bus_message_enter_container(reply, 'a', "(ssbbbb)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssbbbb)", &address, &name, NULL, NULL, NULL, NULL)) > 0) {
                if (!*name || strcmp(name, nickname) != 0)
                        continue;
                (void) snprintf(out, ADDRESS_TEXT_MAX, "%s", address);
                ++*found;
        }
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

int nickname_address(struct cli *cli, const struct cli_account *account, const char *whom,
                     char out[static ADDRESS_TEXT_MAX])
{
        unsigned found;
        int r;

        if (strchr(whom, '@')) {
                if (strlen(whom) >= ADDRESS_TEXT_MAX)
                        return cli_fail(cli, EXIT_USAGE, "“%s” is too long for an address.", whom);
                (void) snprintf(out, ADDRESS_TEXT_MAX, "%s", whom);
                return EXIT_OK;
        }
        r = nickname_find(cli, account, whom, out, &found);
        if (r != EXIT_OK || found == 1)
                return r;
        return found == 0 ? cli_fail(cli, EXIT_NOT_FOUND,
                                     "No contact is called “%s” (visavis contact list), and it is no address, which "
                                     "has an @.",
                                     whom)
                          : cli_fail(cli, EXIT_USAGE, "More than one contact is called “%s”; say the address.", whom);
}
