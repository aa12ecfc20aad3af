/* An account opened for one command. */
#include "ui/cli/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/nickname.h"
#include "ui/client/messages.h"

enum { LOOK_BACK = 100 }; /* messages, for "last" and "mine" */

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
static int find_group(struct session *s, const char *group, unsigned *found)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id, *name;
        int member, r = cli_call(s->cli, s->chosen.path, CRYPTO_GROUPS, "List", &reply, "");

        if (r != EXIT_OK)
                return r;
        *found = 0;
        r = sd_bus_message_enter_container(reply, 'a', "(ssb)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssb)", &id, &name, &member)) > 0) {
                if (strcmp(id, group) != 0 && strcmp(name, group) != 0)
                        continue;
                snprintf(s->conversation, sizeof(s->conversation), "%s", id);
                ++*found;
        }
        return r < 0 ? cli_misunderstood(s->cli) : EXIT_OK;
}

int session_group(struct session *s, const char *group)
{
        unsigned found;
        int r = find_group(s, group, &found);

        if (r != EXIT_OK)
                return r;
        if (found == 0)
                return *group == '#'
                               ? cli_fail(s->cli, EXIT_NOT_FOUND,
                                          "You are in no room %s; visavis room list shows those of your hub.", group)
                               : cli_fail(s->cli, EXIT_NOT_FOUND,
                                          "There is no group “%s”; visavis group list shows those that there are.",
                                          group);
        return found == 1 ? EXIT_OK
                          : cli_fail(s->cli, EXIT_USAGE,
                                     "More than one group is called “%s”; say the id that visavis group list shows.",
                                     group);
}

static int open_conversation(struct session *s, const char *address)
{
        return cli_wait(s->cli, account_open_conversation(s->account, &s->cli->calls, address, on_conversation, s));
}

int session_conversation(struct session *s, const char *whom)
{
        char address[ADDRESS_TEXT_MAX];
        struct address parsed;
        const char *reason;
        unsigned people = 0, groups = 0;
        int r;

        if (strchr(whom, '@')) {
                if (address_parse(whom, &parsed, &reason) < 0)
                        return cli_fail(s->cli, EXIT_USAGE, "“%s” is not an address: %s", whom, reason);
                return open_conversation(s, whom);
        }
        r = nickname_find(s->cli, &s->chosen, whom, address, &people);
        if (r == EXIT_OK)
                r = find_group(s, whom, &groups);
        if (r != EXIT_OK)
                return r;
        if (people + groups == 0)
                return cli_fail(s->cli, EXIT_NOT_FOUND,
                                "No group (visavis group list) and no contact (visavis contact list) is called “%s”, "
                                "and it is no address, which has an @.",
                                whom);
        if (people + groups > 1)
                return cli_fail(s->cli, EXIT_USAGE,
                                "More than one is called “%s”; say the address, or the id that visavis group list "
                                "shows.",
                                whom);
        return groups == 1 ? EXIT_OK : open_conversation(s, address);
}

/* The newest message of ours, or of another's, that says something and was not deleted. */
static int find_latest(struct session *s, bool own)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct said *list = NULL;
        size_t n = 0;
        int r = cli_call(s->cli, s->chosen.path, CRYPTO_MESSAGES, "Read", &reply, "sa{sv}", s->conversation, 1, "limit",
                         "u", LOOK_BACK);

        if (r != EXIT_OK)
                return r;
        if (messages_decode(reply, &list, &n) < 0)
                return cli_misunderstood(s->cli);
        s->message = 0;
        for (size_t i = 0; i < n && s->message == 0; i++) {
                if (list[i].own == own && (strcmp(list[i].kind, "text") == 0 || strcmp(list[i].kind, "file") == 0))
                        s->message = list[i].id;
        }
        messages_free(list, n);
        return s->message > 0 ? EXIT_OK
                              : cli_fail(s->cli, EXIT_NOT_FOUND, "There is no message %s among the last %d.",
                                         own ? "of yours" : "of anybody else", LOOK_BACK);
}

int session_message(struct session *s, const char *word)
{
        char *end;

        if (strcmp(word, "last") == 0 || strcmp(word, "mine") == 0)
                return find_latest(s, strcmp(word, "mine") == 0);
        errno = 0;
        s->message = strtoull(word + (*word == '#'), &end, 10);
        if (errno || *end || s->message == 0)
                return cli_fail(s->cli, EXIT_USAGE,
                                "“%s” is no message: say its number (visavis read --numbers), last or mine.", word);
        return EXIT_OK;
}

int session_describe(struct session *s, sd_bus_message **reply, struct description *out)
{
        int r = cli_call(s->cli, s->chosen.path, CRYPTO_MESSAGES, "Describe", reply, "s", s->conversation);

        if (r != EXIT_OK)
                return r;
        return description_read(*reply, out) < 0 ? cli_misunderstood(s->cli) : EXIT_OK;
}
