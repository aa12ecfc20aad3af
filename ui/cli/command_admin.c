/* visavis admin: what an administrator of the machine decides about others' accounts. polkit asks for a password,
 * through whatever agent the session has for that; root is not asked. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"

enum { ADMIN_USEC = 130 * 1000 * 1000 /* a password is typed meanwhile */ };

static int new_call(struct cli *cli, const char *service, const char *path, const char *interface, const char *member,
                    sd_bus_message **out)
{
        int r = sd_bus_message_new_method_call(cli->bus, out, service, path, interface, member);

        return r < 0 ? r : sd_bus_message_set_allow_interactive_authorization(*out, true);
}

/* Calls @m, unless making it failed (@r). EXIT_OK, or the error has been printed. */
static int call(const struct cli *cli, int r, sd_bus_message *m, sd_bus_message **reply)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (r >= 0)
                r = sd_bus_call(cli->bus, m, ADMIN_USEC, &error, reply);
        if (r >= 0)
                return EXIT_OK;
        return sd_bus_error_is_set(&error) ? cli_fail_bus(cli, &error)
                                           : cli_fail(cli, EXIT_OTHER, "It could not be called: %s.", strerror(-r));
}

static void print_enrolment(const struct cli *cli, const char *account, uid_t uid, const char *engine)
{
        const struct passwd *user = getpwuid(uid);

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "account", json_object_new_string(account));
                json_object_object_add(o, "uid", json_object_new_int64(uid));
                json_object_object_add(o, "engine", json_object_new_string(engine));
                output_json(o);
        } else {
                printf("%s  %s (%u)  %s\n", account, user ? user->pw_name : "nobody any more", (unsigned) uid, engine);
        }
}

static int list(struct cli *cli)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        const char *account, *engine;
        uint32_t uid;
        int r = new_call(cli, AUTH_SERVICE, AUTH_PATH, AUTH_MANAGER, "ListAllEnrolments", &m);

        r = call(cli, r, m, &reply);
        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(sus)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(sus)", &account, &uid, &engine)) > 0)
                print_enrolment(cli, account, uid, engine);
        return r < 0 ? cli_fail(cli, EXIT_OTHER, "authd's answer is malformed.") : EXIT_OK;
}

static int forget_face(struct cli *cli, const char *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = EXIT_OK;

        if (!cli->yes)
                r = cli_ask(cli, "Remove the enrolment? Whoever has no recovery code loses the account.", "--yes");
        if (r != EXIT_OK)
                return r;
        r = new_call(cli, AUTH_SERVICE, AUTH_PATH, AUTH_MANAGER, "RemoveEnrolment", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", account);
        return call(cli, r, m, NULL);
}

/* The object of an account that may be another user's. */
static int new_account_call(struct cli *cli, const char *account, const char *interface, const char *member,
                            sd_bus_message **out)
{
        char path[128];

        (void) snprintf(path, sizeof(path), CRYPTO_PATH "/account/%s", account);
        return new_call(cli, CRYPTO_SERVICE, path, interface, member, out);
}

static int allow_passphrase(struct cli *cli, const char *account, bool allowed)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = new_account_call(cli, account, CRYPTO_SLOTS, "AllowPassphrase", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "b", (int) allowed);
        return call(cli, r, m, NULL);
}

static int destroy(struct cli *cli, const char *account, const char *name)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = EXIT_OK;

        if (!cli->yes)
                r = cli_ask(cli, "Destroy the account with all its messages? Nobody can bring anything of it back.",
                            "--yes");
        if (r != EXIT_OK)
                return r;
        r = new_account_call(cli, account, CRYPTO_ACCOUNT, "Destroy", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "sb", name, (int) cli->local);
        return call(cli, r, m, NULL);
}

static bool is_id(const char *text)
{
        return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

int command_admin(struct cli *cli, int argc, char *argv[])
{
        int r = cli_connect(cli);

        if (r != EXIT_OK)
                return r;
        if (argc == 0)
                return list(cli);
        if (argc >= 2 && !is_id(argv[1]))
                return cli_fail(cli, EXIT_USAGE,
                                "“%s” is no account's id, which has 32 hex digits: visavis admin lists them.", argv[1]);
        if (argc == 2 && strcmp(argv[0], "forget-face") == 0)
                return forget_face(cli, argv[1]);
        if (argc == 3 && strcmp(argv[0], "passphrase-alone") == 0 && strcmp(argv[2], "allow") == 0)
                return allow_passphrase(cli, argv[1], true);
        if (argc == 3 && strcmp(argv[0], "passphrase-alone") == 0 && strcmp(argv[2], "refuse") == 0)
                return allow_passphrase(cli, argv[1], false);
        if (argc == 3 && strcmp(argv[0], "destroy") == 0)
                return destroy(cli, argv[1], argv[2]);
        return cli_fail(cli, EXIT_USAGE,
                        "Say nothing more, forget-face ID, passphrase-alone ID allow, passphrase-alone ID refuse, or "
                        "destroy ID NAME.");
}
