/* An account opened for one command. */
#include "ui/cli/session.h"

#include <stdio.h>

static void on_locked(struct account *a, void *userdata)
{
        /* Nothing to do: the call that is under way is refused by cryptod, and its answer says so. */
}

const struct account_events session_no_events = { .locked = on_locked };

int session_open(struct cli *cli, const struct account_events *events, void *userdata, struct session *s)
{
        *s = (struct session){ .cli = cli };
        int r = cli_unlocked_account(cli, &s->chosen);
        if (r != EXIT_OK)
                return r;
        r = account_open(cli->bus, s->chosen.path, events, userdata, &s->account);
        return r < 0 ? cli_fail(cli, EXIT_OTHER, "cryptod could not be called. Try again.") : EXIT_OK;
}

void session_close(struct session *s)
{
        s->account = account_free(s->account);
}

static void on_conversation(const char *id, const sd_bus_error *error, void *userdata)
{
        struct session *s = userdata;

        if (!error)
                snprintf(s->conversation, sizeof(s->conversation), "%s", id);
        cli_finish(s->cli, error ? cli_fail_bus(s->cli, error) : EXIT_OK);
}

int session_conversation(struct session *s, const char *address)
{
        struct address parsed;
        const char *reason;

        if (address_parse(address, &parsed, &reason) < 0)
                return cli_fail(s->cli, EXIT_USAGE, "“%s” is not an address: %s", address, reason);
        return cli_wait(s->cli, account_open_conversation(s->account, &s->cli->calls, address, on_conversation, s));
}
