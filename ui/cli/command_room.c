/* visavis room: the open rooms of a hub. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/session.h"

static void show(const struct cli *cli, const char *name, uint32_t members, bool joined, const char *conversation)
{
        _cleanup_free_ char *safe = output_sanitise(name, false);
        json_object *o;

        if (!cli->json) {
                printf("#%-24s  %" PRIu32 " in it%s\n", safe, members, joined ? ", and you" : "");
                return;
        }
        o = json_object_new_object();
        json_object_object_add(o, "room", json_object_new_string(name));
        json_object_object_add(o, "members", json_object_new_int64(members));
        json_object_object_add(o, "joined", json_object_new_boolean(joined));
        json_object_object_add(o, "conversation", json_object_new_string(conversation));
        output_json(o);
}

static int list(struct cli *cli, const struct cli_account *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *name, *conversation;
        bool any = false;
        uint32_t members;
        int joined, r = cli_call(cli, account->path, CRYPTO_ROOMS, "List", &reply, "");

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(subs)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(subs)", &name, &members, &joined, &conversation)) > 0) {
                show(cli, name, members, joined, conversation);
                any = true;
        }
        if (r >= 0 && !any && !cli->json)
                printf("This hub has no rooms; its owner makes some with rooms in hub.conf.\n");
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

static int join(struct cli *cli, const struct cli_account *account, const char *name)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id;
        int r = cli_call(cli, account->path, CRYPTO_ROOMS, "Join", &reply, "s", name);

        if (r != EXIT_OK)
                return r;
        if (sd_bus_message_read(reply, "s", &id) <= 0)
                return cli_misunderstood(cli);
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "conversation", json_object_new_string(id));
                output_json(o);
        }
        return EXIT_OK;
}

/* Once it has been joined, a room is a group whose name begins with a #. */
static int as_group(struct cli *cli, char *action, const char *name)
{
        char group[1 + 64 + 1];

        (void) snprintf(group, sizeof(group), "#%s", name);
        return command_group(cli, 2, (char *[]){ action, group, NULL });
}

int command_room(struct cli *cli, int argc, char *argv[])
{
        const char *action = argc > 0 ? argv[0] : "", *name = argc > 1 ? argv[1] + (*argv[1] == '#') : "";
        bool listing = strcmp(action, "list") == 0, joining = strcmp(action, "join") == 0;
        struct cli_account account;
        int r;

        if (argc == 2 && (strcmp(action, "leave") == 0 || strcmp(action, "members") == 0))
                return as_group(cli, argv[0], name);
        if (!(listing && argc == 1) && !(joining && argc == 2))
                return cli_fail(cli, EXIT_USAGE, "Say list, join ROOM, members ROOM, or leave ROOM.");
        r = cli_unlocked_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        return listing ? list(cli, &account) : join(cli, &account, name);
}
