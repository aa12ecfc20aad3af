/* visavis group: conversations of many. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/session.h"

static int say_conversation(const struct cli *cli, const char *id)
{
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "conversation", json_object_new_string(id));
                output_json(o);
        }
        return EXIT_OK;
}

/* Calls @member with a first argument and a list of addresses. */
static int call_with_list(struct cli *cli, const struct cli_account *account, const char *member, const char *first,
                          char *addresses[], sd_bus_message **reply)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(cli->bus, &m, CRYPTO_SERVICE, account->path, CRYPTO_GROUPS, member);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", first);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, addresses);
        return r < 0 ? cli_fail(cli, EXIT_USAGE, "These words cannot be passed on: %s. Are they UTF-8?", strerror(-r))
                     : cli_call_message(cli, m, reply);
}

static int create(struct cli *cli, const struct cli_account *account, const char *name, char *addresses[])
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id;
        int r = call_with_list(cli, account, "Create", name, addresses, &reply);

        if (r != EXIT_OK)
                return r;
        return sd_bus_message_read(reply, "s", &id) <= 0 ? cli_misunderstood(cli) : say_conversation(cli, id);
}

static int list(struct cli *cli, const struct cli_account *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id, *name;
        int member, r = cli_call(cli, account->path, CRYPTO_GROUPS, "List", &reply, "");

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(ssb)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssb)", &id, &name, &member)) > 0) {
                _cleanup_free_ char *safe = output_sanitise(name, false);
                json_object *o;

                if (!cli->json) {
                        printf("%s  %s%s\n", id, safe, member ? "" : "  (no member any more)");
                        continue;
                }
                o = json_object_new_object();
                json_object_object_add(o, "conversation", json_object_new_string(id));
                json_object_object_add(o, "name", json_object_new_string(name));
                json_object_object_add(o, "member", json_object_new_boolean(member));
                output_json(o);
        }
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

static int members(struct cli *cli, const struct cli_account *account, const char *conversation)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *address;
        int r = cli_call(cli, account->path, CRYPTO_GROUPS, "Members", &reply, "s", conversation);

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(reply, "s", &address)) > 0) {
                _cleanup_free_ char *safe = output_sanitise(address, false);
                json_object *o;

                if (!cli->json) {
                        puts(safe);
                        continue;
                }
                o = json_object_new_object();
                json_object_object_add(o, "address", json_object_new_string(address + (*address == '?')));
                json_object_object_add(o, "other_key", json_object_new_boolean(*address == '?'));
                output_json(o);
        }
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

/* What needs to know which group: its name or id. */
static int in_group(struct cli *cli, const char *action, const char *group, char *argv[])
{
        struct session s;
        int r = session_open(cli, &session_no_events, NULL, &s);

        if (r == EXIT_OK)
                r = session_group(&s, group);
        if (r == EXIT_OK) {
                if (strcmp(action, "members") == 0)
                        r = members(cli, &s.chosen, s.conversation);
                else if (strcmp(action, "add") == 0)
                        r = call_with_list(cli, &s.chosen, "Add", s.conversation, argv, NULL);
                else if (strcmp(action, "remove") == 0)
                        r = cli_call(cli, s.chosen.path, CRYPTO_GROUPS, "Remove", NULL, "ss", s.conversation, argv[0]);
                else if (strcmp(action, "rename") == 0)
                        r = cli_call(cli, s.chosen.path, CRYPTO_GROUPS, "Rename", NULL, "ss", s.conversation, argv[0]);
                else
                        r = cli_call(cli, s.chosen.path, CRYPTO_GROUPS, "Leave", NULL, "s", s.conversation);
        }
        session_close(&s);
        return r;
}

int command_group(struct cli *cli, int argc, char *argv[])
{
        static const struct {
                const char *name;
                int least, most; /* words behind it */
        } actions[] = { { "list", 0, 0 },   { "create", 1, INT_MAX }, { "members", 1, 1 }, { "add", 2, INT_MAX },
                        { "remove", 2, 2 }, { "rename", 2, 2 },       { "leave", 1, 1 } };
        const char *action = argc > 0 ? argv[0] : "";
        struct cli_account account;
        bool known = false;
        int r;

        for (unsigned i = 0; i < COUNT_OF(actions); i++)
                known = known || (strcmp(action, actions[i].name) == 0 && argc - 1 >= actions[i].least &&
                                  argc - 1 <= actions[i].most);
        if (!known)
                return cli_fail(cli, EXIT_USAGE,
                                "Say list, create NAME [ADDRESS …], members GROUP, add GROUP ADDRESS …, remove GROUP "
                                "ADDRESS, rename GROUP NAME, or leave GROUP.");
        if (strcmp(action, "list") != 0 && strcmp(action, "create") != 0)
                return in_group(cli, action, argv[1], argv + 2);
        r = cli_unlocked_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        return strcmp(action, "list") == 0 ? list(cli, &account) : create(cli, &account, argv[1], argv + 2);
}
