/* visavis contact: whom an account has met, and whose keys were verified. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "services/qr_code.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"

enum { NUMBER_DIGITS = 60, GROUP_DIGITS = 5, GROUPS_A_LINE = 4, CODE_SIZE_MAX = 256 };

static void print_contact(const struct cli *cli, const char *address, bool verified, bool changed)
{
        _cleanup_free_ char *safe = output_sanitise(address, false);

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "address", json_object_new_string(address));
                json_object_object_add(o, "verified", json_object_new_boolean(verified));
                json_object_object_add(o, "changed", json_object_new_boolean(changed));
                output_json(o);
                return;
        }
        printf("%-8s  %s%s\n", verified ? "verified" : "-", safe,
               changed ? "  (another key was refused: visavis contact accept)" : "");
}

static int list(struct cli *cli, const struct cli_account *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *address;
        int verified, changed, r = cli_call(cli, account->path, CRYPTO_CONTACTS, "List", &reply, "");

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(sbb)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(sbb)", &address, &verified, &changed)) > 0)
                print_contact(cli, address, verified, changed);
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

/* The digits of what somebody typed, in whatever groups: NUMBER_DIGITS of them. */
static int read_digits(const struct cli *cli, const char *text, char out[static NUMBER_DIGITS + 1])
{
        size_t n = 0;

        for (const char *p = text; *p; p++) {
                if (*p == ' ' || *p == '-')
                        continue;
                if (*p < '0' || *p > '9' || n == NUMBER_DIGITS)
                        return cli_fail(cli, EXIT_USAGE, "A safety number has %d digits; “%s” has not.", NUMBER_DIGITS,
                                        text);
                out[n++] = *p;
        }
        out[n] = '\0';
        return n == NUMBER_DIGITS ? EXIT_OK
                                  : cli_fail(cli, EXIT_USAGE, "A safety number has %d digits; “%s” has %zu.",
                                             NUMBER_DIGITS, text, n);
}

static void print_number(const struct cli *cli, const char *address, const char *number, const char *code)
{
        _cleanup_free_ char *picture = NULL;

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "address", json_object_new_string(address));
                json_object_object_add(o, "number", json_object_new_string(number));
                json_object_object_add(o, "code", json_object_new_string(code));
                output_json(o);
                return;
        }
        for (int i = 0; i < NUMBER_DIGITS; i += GROUP_DIGITS)
                printf("%.*s%s", GROUP_DIGITS, number + i, (i / GROUP_DIGITS + 1) % GROUPS_A_LINE == 0 ? "\n" : "  ");
        picture = isatty(STDOUT_FILENO) ? qr_code_for_terminal(code) : NULL;
        printf("\n%s\n", picture ? picture : code);
        fflush(stdout);
}

static int safety_number(struct cli *cli, const struct cli_account *account, const char *address, bool changed,
                         char number[static NUMBER_DIGITS + 1])
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *digits, *code;
        int r = cli_call(cli, account->path, CRYPTO_CONTACTS, "SafetyNumber", &reply, "sb", address, (int) changed);

        if (r != EXIT_OK)
                return r;
        if (sd_bus_message_read(reply, "ss", &digits, &code) <= 0 || strlen(digits) != NUMBER_DIGITS)
                return cli_misunderstood(cli);
        memcpy(number, digits, NUMBER_DIGITS + 1);
        if (!cli->number)
                print_number(cli, address, digits, code);
        return EXIT_OK;
}

/* What a camera, or a program of the person's, has read from the other's screen. */
static int compare_scanned(struct cli *cli, const struct cli_account *account, const char *address)
{
        char code[CODE_SIZE_MAX];
        size_t n = 0;
        ssize_t got;

        while (n < sizeof(code) - 1 && (got = read(cli->scanned_fd, code + n, sizeof(code) - 1 - n)) > 0)
                n += (size_t) got;
        code[n] = '\0';
        code[strcspn(code, "\r\n")] = '\0';
        return cli_call(cli, account->path, CRYPTO_CONTACTS, "CompareCode", NULL, "ss", address, code);
}

static int verify(struct cli *cli, const struct cli_account *account, const char *address)
{
        char number[NUMBER_DIGITS + 1], typed[NUMBER_DIGITS + 1];
        int r;

        if (cli->scanned_fd >= 0)
                return compare_scanned(cli, account, address);
        r = cli->number ? read_digits(cli, cli->number, typed) : EXIT_OK;
        if (r == EXIT_OK)
                r = safety_number(cli, account, address, false, number);
        if (r != EXIT_OK || (cli->json && !cli->number))
                return r;
        if (!cli->number)
                r = cli_ask(cli, "Does the other see the same digits, as they say themselves?", "--number DIGITS");
        else if (strcmp(typed, number) != 0)
                r = cli_fail(
                        cli, EXIT_NOT_VERIFIED,
                        "The digits differ. If none was mistyped, somebody stands between you and %s: tell nothing "
                        "to this address that nobody else may know.",
                        address);
        return r == EXIT_OK ? cli_call(cli, account->path, CRYPTO_CONTACTS, "SetVerified", NULL, "sb", address, 1) : r;
}

static int accept_key(struct cli *cli, const struct cli_account *account, const char *address)
{
        char number[NUMBER_DIGITS + 1];
        int r = cli->number ? read_digits(cli, cli->number, number)
                            : safety_number(cli, account, address, true, number);

        if (r != EXIT_OK || (cli->json && !cli->number))
                return r;
        if (!cli->number)
                r = cli_ask(cli, "These are the digits with the other key. Accept it in place of the one before?",
                            "--number DIGITS");
        return r == EXIT_OK ? cli_call(cli, account->path, CRYPTO_CONTACTS, "AcceptKey", NULL, "ss", address, number)
                            : r;
}

int command_contact(struct cli *cli, int argc, char *argv[])
{
        const char *action = argc > 0 ? argv[0] : "";
        struct cli_account account;
        bool is_list = argc == 1 && strcmp(action, "list") == 0;
        int (*act)(struct cli *, const struct cli_account *, const char *) = NULL;
        int r;

        if (argc == 2 && strcmp(action, "verify") == 0)
                act = verify;
        else if (argc == 2 && strcmp(action, "accept") == 0)
                act = accept_key;
        if (!is_list && !act && !(argc == 2 && strcmp(action, "unverify") == 0))
                return cli_fail(cli, EXIT_USAGE, "Say list, or verify, unverify or accept and an address.");
        r = cli_unlocked_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        if (is_list)
                return list(cli, &account);
        return act ? act(cli, &account, argv[1])
                   : cli_call(cli, account.path, CRYPTO_CONTACTS, "SetVerified", NULL, "sb", argv[1], 0);
}
