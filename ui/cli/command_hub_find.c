/* visavis hub find: the hubs that announce themselves on the local network. */
#include "ui/cli/command_hub_find.h"

#include <stdio.h>

#include "services/cleanup.h"
#include "ui/cli/output.h"

static void show(const struct cli *cli, const char *name, const char *address)
{
        _cleanup_free_ char *safe = output_sanitise(name, false);
        json_object *o;

        if (!cli->json) {
                printf("%s  %s\n", address, safe);
                return;
        }
        o = json_object_new_object();
        json_object_object_add(o, "name", json_object_new_string(safe));
        json_object_object_add(o, "address", json_object_new_string(address));
        output_json(o);
}

int command_hub_find(struct cli *cli, int argc, char *argv[])
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *name, *address;
        unsigned count = 0;
        int r;

        if (argc > 0)
                return cli_fail(cli, EXIT_USAGE, "“%s” is one word too many.", argv[0]);
        r = cli_connect(cli);
        if (r != EXIT_OK)
                return r;
        r = sd_bus_call_method(cli->bus, RELAY_SERVICE, "/im/visavis/Relay1", "im.visavis.Relay1.Discovery", "FindHubs",
                               &error, &reply, NULL);
        if (r < 0)
                return cli_fail_bus(cli, &error);
        r = sd_bus_message_enter_container(reply, 'a', "(ss)");
        for (; r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &name, &address)) > 0; count++)
                show(cli, name, address);
        if (r < 0)
                return cli_fail(cli, EXIT_OTHER, "relayd's answer is not understood here.");
        if (count == 0)
                return cli_fail(cli, EXIT_NOT_FOUND,
                                "No hub announces itself on this network; ask its owner for the address.");
        if (!cli->json)
                puts("Anybody on this network can announce a hub: compare the key behind # with the hub's owner.");
        return EXIT_OK;
}
