/* Which account a command means, and its unlock. */
#include <stdio.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/agent.h"
#include "ui/cli/cli.h"
#include "ui/client/accounts.h"

struct choice {
        struct cli *cli;
        struct cli_account *out;
};

/* By id, by whole address, by the name before the @, or by its label. */
static bool is_meant(const struct account_entry *account, const char *text)
{
        size_t name = strcspn(account->address, "@"), hub = strcspn(account->address, "#");

        return strcmp(account->id, text) == 0 || (*account->label && strcmp(account->label, text) == 0) ||
               strcmp(account->address, text) == 0 ||
               (strlen(text) == name && strncmp(account->address, text, name) == 0) ||
               (strlen(text) == hub && strncmp(account->address, text, hub) == 0);
}

void cli_each_unopened(struct cli *cli, void (*each)(struct cli *cli, const char *id, const char *why))
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id, *why;
        int r = sd_bus_get_property(cli->bus, CRYPTO_SERVICE, CRYPTO_PATH, CRYPTO_MANAGER, "Unopened", NULL, &reply,
                                    "a(ss)");

        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(ss)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &id, &why)) > 0)
                each(cli, id, why);
}

static void hint(struct cli *cli, const char *id, const char *why)
{
        (void) cli_fail(cli, EXIT_OTHER, "The vault of account %s on this machine cannot be opened: %s.", id, why);
}

static int choose(struct cli *cli, const struct account_entry *list, size_t n, struct cli_account *out)
{
        const struct account_entry *found = NULL;
        size_t matches = 0;

        for (size_t i = 0; i < n; i++)
                if (!cli->account || is_meant(&list[i], cli->account)) {
                        found = &list[i];
                        matches++;
                }
        if (matches > 1)
                return cli_fail(cli, EXIT_USAGE,
                                "%zu of your accounts could be meant; say with --account which one it is (visavis "
                                "accounts lists them).",
                                matches);
        if (!found)
                cli_each_unopened(cli, hint);
        if (!found && cli->account)
                return cli_fail(cli, EXIT_NOT_FOUND,
                                "You have no account %s; visavis accounts lists those that you have.", cli->account);
        if (!found)
                return cli_fail(cli, EXIT_NOT_FOUND,
                                "You have no account yet; make one with: visavis signup NAME@HOST:PORT#KEY");
        snprintf(out->path, sizeof(out->path), "%s", found->path);
        snprintf(out->id, sizeof(out->id), "%s", found->id);
        snprintf(out->address, sizeof(out->address), "%s", found->address);
        out->unlocked = found->unlocked;
        return EXIT_OK;
}

static void on_accounts(const struct account_entry *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct choice *c = userdata;

        cli_finish(c->cli, error ? cli_fail_bus(c->cli, error) : choose(c->cli, list, n, c->out));
}

int cli_account(struct cli *cli, struct cli_account *out)
{
        struct choice c = { .cli = cli, .out = out };
        int r = cli_connect(cli);

        return r == EXIT_OK ? cli_wait(cli, accounts_list(cli->bus, &cli->calls, on_accounts, &c)) : r;
}

int cli_unlocked_account(struct cli *cli, struct cli_account *out)
{
        int r = cli_account(cli, out);

        if (r != EXIT_OK)
                return r;
        if (!out->unlocked)
                return cli_fail(cli, EXIT_LOCKED, "%s is locked; log in first: visavis login", out->address);
        if (agent_ask_grant(cli->bus, out->id) < 0)
                return cli_fail(cli, EXIT_LOCKED,
                                "%s is unlocked for another program, but not for the command line; log in here too: "
                                "visavis login",
                                out->address);
        return EXIT_OK;
}
