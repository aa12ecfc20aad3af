/* An account opened for one command. */
#include "ui/cli/session.h"

#include <stdio.h>
#include <string.h>

#include "services/cleanup.h"

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

/* How many groups are meant. */
static int find_group(struct session *s, const char *group, sd_bus_message *reply, unsigned *found)
{
        const char *id, *name;
        int member, r = sd_bus_message_enter_container(reply, 'a', "(ssb)");

        *found = 0;
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssb)", &id, &name, &member)) > 0) {
                if (strcmp(id, group) != 0 && strcmp(name, group) != 0)
                        continue;
                snprintf(s->conversation, sizeof(s->conversation), "%s", id);
                ++*found;
        }
        return r;
}

int session_group(struct session *s, const char *group)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        unsigned found;
        int r = cli_call(s->cli, s->chosen.path, CRYPTO_GROUPS, "List", &reply, "");

        if (r != EXIT_OK)
                return r;
        if (find_group(s, group, reply, &found) < 0)
                return cli_misunderstood(s->cli);
        if (found == 0)
                return cli_fail(s->cli, EXIT_NOT_FOUND,
                                "There is no group “%s” (visavis group list), and it is no address, which has an @.",
                                group);
        return found == 1 ? EXIT_OK
                          : cli_fail(s->cli, EXIT_USAGE,
                                     "More than one group is called “%s”; say the id that visavis group list shows.",
                                     group);
}

int session_conversation(struct session *s, const char *whom)
{
        struct address parsed;
        const char *reason;

        if (!strchr(whom, '@'))
                return session_group(s, whom);
        if (address_parse(whom, &parsed, &reason) < 0)
                return cli_fail(s->cli, EXIT_USAGE, "“%s” is not an address: %s", whom, reason);
        return cli_wait(s->cli, account_open_conversation(s->account, &s->cli->calls, whom, on_conversation, s));
}
