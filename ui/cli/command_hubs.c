/* visavis hubs: those that an account is at. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/memfd.h"
#include "services/secret.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/pin.h"

static int list(struct cli *cli, const struct cli_account *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *address;
        uint32_t number;
        int r = cli_call(cli, account->path, CRYPTO_HUBS, "List", &reply, "");

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(us)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(us)", &number, &address)) > 0) {
                _cleanup_free_ char *safe = output_sanitise(address, false);
                json_object *o;

                if (!cli->json) {
                        printf("%" PRIu32 "  %s\n", number, safe);
                        continue;
                }
                o = json_object_new_object();
                json_object_object_add(o, "number", json_object_new_int64(number));
                json_object_object_add(o, "address", json_object_new_string(address));
                output_json(o);
        }
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

static int add(struct cli *cli, const struct cli_account *account, const char *address)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_secret_ struct secret *invitation = NULL;
        _cleanup_close_ int fd = -1;
        uint32_t number;
        int code = invitation_read(cli, &invitation), r;

        if (code != EXIT_OK)
                return code;
        r = sd_bus_message_new_method_call(cli->bus, &m, CRYPTO_SERVICE, account->path, CRYPTO_HUBS, "Add");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", address);
        if (r >= 0 && invitation)
                r = memfd_make(secret_bytes(invitation), &fd);
        if (r >= 0)
                r = invitation ? sd_bus_message_append(m, "a{sv}", 1, "invitation", "h", fd)
                               : sd_bus_message_append(m, "a{sv}", 0);
        if (r < 0)
                return cli_fail(cli, EXIT_USAGE, "These words cannot be passed on: %s. Are they UTF-8?", strerror(-r));
        code = cli_call_message(cli, m, &reply);
        if (code != EXIT_OK)
                return code;
        if (sd_bus_message_read(reply, "u", &number) <= 0)
                return cli_misunderstood(cli);
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "number", json_object_new_int64(number));
                output_json(o);
        }
        return EXIT_OK;
}

static int read_number(const struct cli *cli, const char *word, uint32_t *out)
{
        char *end;
        unsigned long number = strtoul(word, &end, 10);

        if (end == word || *end || number == 0 || number > UINT32_MAX)
                return cli_fail(cli, EXIT_USAGE, "“%s” is not the number of a further hub; visavis hubs shows them.",
                                word);
        *out = (uint32_t) number;
        return EXIT_OK;
}

static int remove_hub(struct cli *cli, const struct cli_account *account, const char *word)
{
        uint32_t number = 0;
        int r = read_number(cli, word, &number);

        return r != EXIT_OK ? r
                            : cli_call(cli, account->path, CRYPTO_HUBS, "Remove", NULL, "ub", number, (int) cli->local);
}

static int order(struct cli *cli, const struct cli_account *account, int count, char *words[])
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ uint32_t *numbers = calloc((size_t) count, sizeof(*numbers));
        int r = EXIT_OK;

        if (!numbers)
                abort();
        for (int i = 0; r == EXIT_OK && i < count; i++)
                r = read_number(cli, words[i], &numbers[i]);
        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_new_method_call(cli->bus, &m, CRYPTO_SERVICE, account->path, CRYPTO_HUBS, "Order");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'u', numbers, (size_t) count * sizeof(*numbers));
        return r < 0 ? cli_fail(cli, EXIT_OTHER, "The order cannot be passed on: %s.", strerror(-r))
                     : cli_call_message(cli, m, NULL);
}

int command_hubs(struct cli *cli, int argc, char *argv[])
{
        const char *action = argc > 0 ? argv[0] : "list";
        bool listing = strcmp(action, "list") == 0 && argc <= 1;
        struct cli_account account;
        int r;

        if (!listing && !(argc == 2 && (strcmp(action, "add") == 0 || strcmp(action, "remove") == 0)) &&
            !(argc >= 2 && strcmp(action, "order") == 0))
                return cli_fail(cli, EXIT_USAGE, "Say list, add ADDRESS, remove NUMBER, or order NUMBER ….");
        r = listing ? cli_account(cli, &account) : cli_unlocked_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        if (listing)
                return list(cli, &account);
        if (strcmp(action, "add") == 0)
                return add(cli, &account, argv[1]);
        if (strcmp(action, "remove") == 0)
                return remove_hub(cli, &account, argv[1]);
        return order(cli, &account, argc - 1, argv + 1);
}
