/* visavis contact: whom an account has met, and whose keys were verified. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "services/qr_code.h"
#include "ui/cli/cli.h"
#include "ui/cli/nickname.h"
#include "ui/cli/output.h"

enum { NUMBER_DIGITS = 60, GROUP_DIGITS = 5, GROUPS_A_LINE = 4, CODE_SIZE_MAX = 512 };

struct contact {
        const char *address, *nickname;
        int contact, verified, changed, blocked;
};

static void print_contact(const struct cli *cli, const struct contact *c)
{
        _cleanup_free_ char *safe = output_sanitise(c->address, false), *nickname = output_sanitise(c->nickname, false);

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "address", json_object_new_string(c->address));
                json_object_object_add(o, "nickname", json_object_new_string(c->nickname));
                json_object_object_add(o, "contact", json_object_new_boolean(c->contact));
                json_object_object_add(o, "verified", json_object_new_boolean(c->verified));
                json_object_object_add(o, "changed", json_object_new_boolean(c->changed));
                json_object_object_add(o, "blocked", json_object_new_boolean(c->blocked));
                output_json(o);
                return;
        }
        printf("%-8s  %s%s%s%s%s%s%s\n", c->verified ? "verified" : "-", safe, *nickname ? "  “" : "", nickname,
               *nickname ? "”" : "", c->blocked ? "  (blocked)" : "",
               c->contact || c->blocked ? "" : "  (met in a group, or a request)",
               c->changed ? "  (another key was refused: visavis contact accept)" : "");
}

static int list(struct cli *cli, const struct cli_account *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct contact c;
        bool any = false;
        int r = cli_call(cli, account->path, CRYPTO_CONTACTS, "List", &reply, "");

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(ssbbbb)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssbbbb)", &c.address, &c.nickname, &c.contact, &c.verified,
                                                  &c.changed, &c.blocked)) > 0) {
                print_contact(cli, &c);
                any = true;
        }
        if (r >= 0 && !any && !cli->json)
                puts("There is no contact yet; add one with: visavis contact add ADDRESS|LINK");
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

/* What waits to be accepted: shown, or the conversation that @whom names (its id, address or name) written to @found.
 */
static int requests(struct cli *cli, const struct cli_account *account, const char *whom, char *found, size_t size)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id, *kind, *title;
        bool any = false;
        int r = cli_call(cli, account->path, CRYPTO_CONTACTS, "Requests", &reply, "");

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(sss)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(sss)", &id, &kind, &title)) > 0) {
                _cleanup_free_ char *safe = output_sanitise(title, false);
                json_object *o;

                if (whom && (strcmp(whom, id) == 0 || strcmp(whom, title) == 0))
                        (void) snprintf(found, size, "%s", id);
                if (whom)
                        continue;
                any = true;
                if (!cli->json) {
                        printf("%s  %-6s  %s\n", id, kind, safe);
                        continue;
                }
                o = json_object_new_object();
                json_object_object_add(o, "conversation", json_object_new_string(id));
                json_object_object_add(o, "kind", json_object_new_string(kind));
                json_object_object_add(o, "title", json_object_new_string(title));
                output_json(o);
        }
        if (r >= 0 && !any && !whom && !cli->json)
                puts("Nobody waits to be accepted.");
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

static int show_requests(struct cli *cli, const struct cli_account *account)
{
        return requests(cli, account, NULL, NULL, 0);
}

static int invite(struct cli *cli, const struct cli_account *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *picture = NULL;
        const char *link;
        int r = cli_call(cli, account->path, CRYPTO_CONTACTS, "Link", &reply, "");

        if (r != EXIT_OK)
                return r;
        if (sd_bus_message_read(reply, "s", &link) <= 0)
                return cli_misunderstood(cli);
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "link", json_object_new_string(link));
                output_json(o);
                return EXIT_OK;
        }
        picture = isatty(STDOUT_FILENO) ? qr_code_for_terminal(link) : NULL;
        printf("%s%s%s\n", picture ? picture : "", picture ? "\n" : "", link);
        return EXIT_OK;
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
static int read_scanned(const struct cli *cli, char code[static CODE_SIZE_MAX])
{
        size_t n = 0;
        ssize_t got = 0;

        while (n < CODE_SIZE_MAX - 1 && (got = read(cli->scanned_fd, code + n, CODE_SIZE_MAX - 1 - n)) > 0)
                n += (size_t) got;
        code[n] = '\0';
        code[strcspn(code, "\r\n")] = '\0';
        return *code ? EXIT_OK
                     : cli_fail(cli, EXIT_USAGE, "No code could be read from file descriptor %d: %s. Write it there.",
                                cli->scanned_fd, got < 0 ? strerror(errno) : "it is empty");
}

static int compare_scanned(struct cli *cli, const struct cli_account *account, const char *address)
{
        char code[CODE_SIZE_MAX];
        int r = read_scanned(cli, code);

        return r == EXIT_OK ? cli_call(cli, account->path, CRYPTO_CONTACTS, "CompareCode", NULL, "ss", address, code)
                            : r;
}

/* An address or a link; or the link that was scanned. */
static int add(struct cli *cli, const struct cli_account *account, const char *who)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        bool scanned = cli->scanned_fd >= 0;
        char link[CODE_SIZE_MAX];
        const char *address;
        int r = EXIT_OK;

        if (!who && !scanned)
                return cli_fail(cli, EXIT_USAGE, "Say whom: an address, a link, or --scanned-fd.");
        if (scanned)
                r = read_scanned(cli, link);
        if (r != EXIT_OK)
                return r;
        r = cli_call(cli, account->path, CRYPTO_CONTACTS, "Add", &reply, "sb", scanned ? link : who, (int) scanned);
        if (r != EXIT_OK)
                return r;
        if (sd_bus_message_read(reply, "s", &address) <= 0)
                return cli_misunderstood(cli);
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "address", json_object_new_string(address));
                output_json(o);
        }
        return EXIT_OK;
}

static int remove_contact(struct cli *cli, const struct cli_account *account, const char *address)
{
        return cli_call(cli, account->path, CRYPTO_CONTACTS, "Remove", NULL, "s", address);
}

static int block(struct cli *cli, const struct cli_account *account, const char *address)
{
        return cli_call(cli, account->path, CRYPTO_CONTACTS, "SetBlocked", NULL, "sb", address, 1);
}

static int unblock(struct cli *cli, const struct cli_account *account, const char *address)
{
        return cli_call(cli, account->path, CRYPTO_CONTACTS, "SetBlocked", NULL, "sb", address, 0);
}

static int unverify(struct cli *cli, const struct cli_account *account, const char *address)
{
        return cli_call(cli, account->path, CRYPTO_CONTACTS, "SetVerified", NULL, "sb", address, 0);
}

static int decline(struct cli *cli, const struct cli_account *account, const char *whom)
{
        char conversation[64] = "";
        int r = requests(cli, account, whom, conversation, sizeof(conversation));

        if (r != EXIT_OK)
                return r;
        return *conversation
                       ? cli_call(cli, account->path, CRYPTO_CONTACTS, "Decline", NULL, "s", conversation)
                       : cli_fail(cli, EXIT_NOT_FOUND,
                                  "“%s” does not wait to be accepted; visavis contact requests says who does.", whom);
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

/* A request; or the other key of somebody who is known. */
static int accept(struct cli *cli, const struct cli_account *account, const char *whom)
{
        char conversation[64] = "", address[ADDRESS_TEXT_MAX];
        int r = requests(cli, account, whom, conversation, sizeof(conversation));

        if (r == EXIT_OK && *conversation)
                return cli_call(cli, account->path, CRYPTO_CONTACTS, "Accept", NULL, "s", conversation);
        if (r == EXIT_OK)
                r = nickname_address(cli, account, whom, address);
        return r == EXIT_OK ? accept_key(cli, account, address) : r;
}

int command_contact(struct cli *cli, int argc, char *argv[])
{
        static const struct {
                const char *name;
                int (*act)(struct cli *, const struct cli_account *, const char *); /* with one word */
                int (*show)(struct cli *, const struct cli_account *);              /* without */
        } actions[] = { { "list", NULL, list },       { "requests", NULL, show_requests }, { "invite", NULL, invite },
                        { "verify", verify, NULL },   { "unverify", unverify, NULL },      { "accept", accept, NULL },
                        { "decline", decline, NULL }, { "remove", remove_contact, NULL },  { "block", block, NULL },
                        { "unblock", unblock, NULL } };
        const char *action = argc > 0 ? argv[0] : "";
        bool is_add = strcmp(action, "add") == 0 && argc <= 2, is_nick = strcmp(action, "nick") == 0 && argc == 3;
        struct cli_account account;
        char address[ADDRESS_TEXT_MAX];
        unsigned i = 0;
        int r;

        while (i < COUNT_OF(actions) && !(strcmp(action, actions[i].name) == 0 && argc == (actions[i].act ? 2 : 1)))
                i++;
        if (i == COUNT_OF(actions) && !is_add && !is_nick)
                return cli_fail(
                        cli, EXIT_USAGE,
                        "Say list, requests or invite; add, remove, verify, unverify, accept, decline, block or "
                        "unblock and an address; or nick, an address and a nickname.");
        r = cli_unlocked_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        if (is_add)
                return add(cli, &account, argc == 2 ? argv[1] : NULL);
        if (!is_nick && actions[i].show)
                return actions[i].show(cli, &account);
        if (!is_nick && (actions[i].act == accept || actions[i].act == decline)) /* or a group's name or id */
                return actions[i].act(cli, &account, argv[1]);
        r = nickname_address(cli, &account, argv[1], address);
        if (r != EXIT_OK)
                return r;
        return is_nick ? cli_call(cli, account.path, CRYPTO_CONTACTS, "SetNickname", NULL, "ss", address, argv[2])
                       : actions[i].act(cli, &account, address);
}
