/* visavis rename, idle-lock, destroy: what an owner sets, and an account's end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/agent.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"

enum { DESTROY_USEC = 100 * 1000 * 1000, IDLE_LOCK_MAX = 7 * 24 * 3600 };

int command_rename(struct cli *cli, int argc, char *argv[])
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct cli_account account;
        int r;

        if (argc != 1)
                return cli_fail(cli, EXIT_USAGE,
                                "Say what to call it, in quotes if it is several words: visavis rename LABEL");
        r = cli_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        r = sd_bus_set_property(cli->bus, CRYPTO_SERVICE, account.path, CRYPTO_ACCOUNT, "Label", &error, "s", argv[0]);
        return r < 0 ? cli_fail_bus(cli, &error) : EXIT_OK;
}

static int show_idle_lock(struct cli *cli)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct cli_account account;
        uint32_t seconds;
        int r = cli_account(cli, &account);

        if (r != EXIT_OK)
                return r;
        r = sd_bus_get_property_trivial(cli->bus, CRYPTO_SERVICE, account.path, CRYPTO_ACCOUNT, "IdleLock", &error, 'u',
                                        &seconds);
        if (r < 0)
                return cli_fail_bus(cli, &error);
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "idle_lock_seconds", json_object_new_int64(seconds));
                output_json(o);
        } else if (seconds == 0) {
                puts("never");
        } else {
                printf("after %u s without a call\n", seconds);
        }
        return EXIT_OK;
}

int command_idle_lock(struct cli *cli, int argc, char *argv[])
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct cli_account account;
        char *end = NULL;
        unsigned long seconds;
        int r;

        if (argc == 0)
                return show_idle_lock(cli);
        seconds = strtoul(argv[0], &end, 10);
        if (argc != 1 || *argv[0] < '0' || *argv[0] > '9' || *end || seconds > IDLE_LOCK_MAX)
                return cli_fail(cli, EXIT_USAGE, "Say a number of seconds from 0 (never) to %d.", IDLE_LOCK_MAX);
        r = cli_unlocked_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        r = sd_bus_set_property(cli->bus, CRYPTO_SERVICE, account.path, CRYPTO_ACCOUNT, "IdleLock", &error, "u",
                                (uint32_t) seconds);
        return r < 0 ? cli_fail_bus(cli, &error) : EXIT_OK;
}

static int destroy(struct cli *cli, const struct cli_account *account, const char *name)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(cli->bus, &m, CRYPTO_SERVICE, account->path, CRYPTO_ACCOUNT, "Destroy");

        if (r >= 0)
                r = sd_bus_message_append(m, "sb", name, (int) cli->local);
        if (r >= 0)
                r = sd_bus_call(cli->bus, m, DESTROY_USEC, &error, NULL);
        if (r >= 0)
                return EXIT_OK;
        return sd_bus_error_is_set(&error)
                       ? cli_fail_bus(cli, &error)
                       : cli_fail(cli, EXIT_OTHER, "cryptod could not be called: %s. Try again.", strerror(-r));
}

int command_destroy(struct cli *cli, int argc, char *argv[])
{
        struct cli_account account;
        size_t name;
        int r;

        if (argc != 1)
                return cli_fail(cli, EXIT_USAGE, "Say the account's name: visavis destroy NAME");
        r = cli_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        name = strcspn(account.address, "@");
        if (strlen(argv[0]) != name || strncmp(argv[0], account.address, name) != 0)
                return cli_fail(cli, EXIT_USAGE, "The account is called %.*s, not “%s”; nothing was destroyed.",
                                (int) name, account.address, argv[0]);
        if (!cli->yes)
                r = cli_ask(cli, "Destroy the account with all its messages? Nobody can bring anything of it back.",
                            "--yes");
        if (r != EXIT_OK)
                return r;
        if (account.unlocked)
                (void) agent_ask_grant(cli->bus, account.id); /* else cryptod says what is missing */
        return destroy(cli, &account, argv[0]);
}
