/* visavis lock, accounts, status, online, offline, unregister. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/client/accounts.h"
#include "ui/client/properties.h"

static int expect_no_arguments(const struct cli *cli, int argc, char *argv[])
{
        return argc == 0 ? EXIT_OK
                         : cli_fail(cli, EXIT_USAGE, "“%s” is one word too many; --account NAME chooses an account.",
                                    argv[0]);
}

int command_lock(struct cli *cli, int argc, char *argv[])
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct cli_account account;
        int r = expect_no_arguments(cli, argc, argv);

        if (r == EXIT_OK)
                r = cli_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        r = sd_bus_call_method(cli->bus, CRYPTO_SERVICE, account.path, CRYPTO_ACCOUNT, "Lock", &error, NULL, NULL);
        return r < 0 ? cli_fail_bus(cli, &error) : EXIT_OK;
}

/* What relayd says of an account's link. */
struct link {
        char state[32];
        char last_error[512];
        char hub_key[32];
        uint64_t since;
        uint32_t outbox;
        uint32_t inbox;
};

/* Without an answer the state is "unknown" and last_error says why. */
static void read_link(struct cli *cli, const char *path, struct link *l)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const struct property properties[] = {
                { "State", PROPERTY_STRING, l->state, sizeof(l->state) },
                { "LastError", PROPERTY_STRING, l->last_error, sizeof(l->last_error) },
                { "HubKey", PROPERTY_STRING, l->hub_key, sizeof(l->hub_key) },
                { "Since", PROPERTY_UINT64, &l->since, 0 },
                { "Outbox", PROPERTY_UINT32, &l->outbox, 0 },
                { "Inbox", PROPERTY_UINT32, &l->inbox, 0 },
                { NULL, 0, NULL, 0 },
        };

        *l = (struct link){ .state = "unknown" };
        if (sd_bus_call_method(cli->bus, RELAY_SERVICE, path, "org.freedesktop.DBus.Properties", "GetAll", &error,
                               &reply, "s", RELAY_LINK) < 0)
                snprintf(l->last_error, sizeof(l->last_error), "%s", client_error_text(&error));
        else
                (void) properties_read(reply, properties);
}

/* One link more, of a further hub: a line, or an object in @all. */
static void print_hub(struct cli *cli, const char *path, uint32_t number, const char *address, json_object *all)
{
        _cleanup_free_ char *safe = output_sanitise(address, false), *error = NULL;
        json_object *o;
        struct link l;

        read_link(cli, path, &l);
        if (all) {
                o = json_object_new_object();
                json_object_object_add(o, "number", json_object_new_int64(number));
                json_object_object_add(o, "address", json_object_new_string(address));
                json_object_object_add(o, "link", json_object_new_string(l.state));
                json_object_object_add(o, "since_usec", json_object_new_uint64(l.since));
                json_object_object_add(o, "last_error", json_object_new_string(l.last_error));
                json_object_object_add(o, "outbox", json_object_new_int64(l.outbox));
                json_object_array_add(all, o);
                return;
        }
        error = output_sanitise(l.last_error, false);
        printf("  hub %" PRIu32 "    %s: %s, %u to send%s%s\n", number, safe, l.state, l.outbox,
               *error ? "; last error: " : "", error);
}

/* Those of the further hubs, if it has any. */
static void print_hubs(struct cli *cli, const struct account_entry *account, const char *link, json_object *all)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *address;
        uint32_t number;

        if (sd_bus_call_method(cli->bus, CRYPTO_SERVICE, account->path, "im.visavis.Crypto1.Hubs", "List", NULL, &reply,
                               "") < 0 ||
            sd_bus_message_enter_container(reply, 'a', "(us)") < 0)
                return;
        while (sd_bus_message_read(reply, "(us)", &number, &address) > 0) {
                char path[LINK_PATH_SIZE + 16];

                (void) snprintf(path, sizeof(path), "%s_%" PRIu32, link, number);
                if (number > 0)
                        print_hub(cli, path, number, address, all);
        }
}

static void print_status(struct cli *cli, const struct account_entry *account)
{
        _cleanup_free_ char *address = output_sanitise(account->address, false), *text = NULL;
        char since[32], path[LINK_PATH_SIZE] = "/";
        struct link l;

        (void) account_link_path(account->id, path);
        read_link(cli, path, &l);
        if (cli->json) {
                json_object *o = json_object_new_object(), *hubs = json_object_new_array();

                json_object_object_add(o, "account", json_object_new_string(account->id));
                json_object_object_add(o, "address", json_object_new_string(account->address));
                json_object_object_add(o, "unlocked", json_object_new_boolean(account->unlocked));
                json_object_object_add(o, "link", json_object_new_string(l.state));
                json_object_object_add(o, "since_usec", json_object_new_uint64(l.since));
                json_object_object_add(o, "last_error", json_object_new_string(l.last_error));
                json_object_object_add(o, "hub_key", json_object_new_string(l.hub_key));
                json_object_object_add(o, "outbox", json_object_new_int64(l.outbox));
                json_object_object_add(o, "inbox", json_object_new_int64(l.inbox));
                print_hubs(cli, account, path, hubs);
                json_object_object_add(o, "hubs", hubs);
                output_json(o);
                return;
        }
        output_time(l.since, since);
        printf("%s\n  account  %s, %s\n  link     %s since %s, %u to send, %u waiting for you\n", address, account->id,
               account->unlocked ? "unlocked" : "locked", l.state, since, l.outbox, l.inbox);
        text = output_sanitise(l.last_error, false);
        if (*text)
                printf("           last error: %s\n", text);
        if (strcmp(l.hub_key, "first-use") == 0)
                printf("           warning: your address has no key of the hub, so the one that was seen first is "
                       "trusted; "
                       "compare it with the hub's owner\n");
        print_hubs(cli, account, path, NULL);
}

/* What authd says of an account's face. */
struct enrolment {
        bool known; /* it has answered */
        bool enrolled;
        char engine[16];
        uint64_t wait; /* seconds until it can be tried again */
};

/* authd may not be there: then nothing is said of faces, and the rest is listed all the same. */
static struct enrolment ask_enrolment(struct cli *cli, const char *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct enrolment e = { 0 };
        const char *id, *engine;
        uint64_t wait;
        int r = sd_bus_call_method(cli->bus, AUTH_SERVICE, AUTH_PATH, AUTH_MANAGER, "ListEnrolments", NULL, &reply, "");

        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(sst)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(sst)", &id, &engine, &wait)) > 0) {
                if (strcmp(id, account) != 0)
                        continue;
                e.enrolled = true;
                e.wait = wait;
                (void) snprintf(e.engine, sizeof(e.engine), "%s", engine);
        }
        e.known = r >= 0;
        return e;
}

static void add_enrolment(json_object *o, const struct enrolment *e)
{
        if (!e->known)
                return;
        json_object_object_add(o, "enrolled", json_object_new_boolean(e->enrolled));
        if (e->enrolled) {
                json_object_object_add(o, "engine", json_object_new_string(e->engine));
                json_object_object_add(o, "wait_seconds", json_object_new_uint64(e->wait));
        }
}

static void print_enrolment(const struct enrolment *e)
{
        if (e->known && !e->enrolled)
                fputs("  (no face)", stdout);
        else if (e->wait > 0)
                printf("  (face: not before %" PRIu64 " s)", e->wait);
}

static void print_account(struct cli *cli, const struct account_entry *account)
{
        struct enrolment e = ask_enrolment(cli, account->id);
        _cleanup_free_ char *address = output_sanitise(account->address, false),
                            *label = output_sanitise(account->label, false);

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "account", json_object_new_string(account->id));
                json_object_object_add(o, "address", json_object_new_string(account->address));
                json_object_object_add(o, "unlocked", json_object_new_boolean(account->unlocked));
                json_object_object_add(o, "label", json_object_new_string(account->label));
                json_object_object_add(o, "destroyed", json_object_new_boolean(account->destroyed));
                add_enrolment(o, &e);
                output_json(o);
        } else {
                printf("%s  %-9s  %s%s%s", account->id,
                       account->destroyed  ? "destroyed"
                       : account->unlocked ? "unlocked"
                                           : "locked",
                       address, *label ? "  " : "", label);
                print_enrolment(&e);
                putchar('\n');
        }
}

static void print_unopened(struct cli *cli, const char *id, const char *why)
{
        _cleanup_free_ char *safe_id = output_sanitise(id, false), *safe_why = output_sanitise(why, false);

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "account", json_object_new_string(id));
                json_object_object_add(o, "unopened", json_object_new_string(why));
                output_json(o);
        } else {
                printf("%s  unopened   somebody's vault on this machine: %s\n", safe_id, safe_why);
        }
}

struct listing {
        struct cli *cli;
        void (*print)(struct cli *cli, const struct account_entry *account);
};

static void on_accounts(const struct account_entry *list, size_t n, const sd_bus_error *error, void *userdata)
{
        const struct listing *l = userdata;

        if (error) {
                cli_finish(l->cli, cli_fail_bus(l->cli, error));
                return;
        }
        for (size_t i = 0; i < n; i++)
                l->print(l->cli, &list[i]);
        if (n == 0 && !l->cli->json)
                puts("No account yet; make one with: visavis signup NAME@HOST:PORT#KEY");
        cli_finish(l->cli, EXIT_OK);
}

static int list(struct cli *cli, int argc, char *argv[],
                void (*print)(struct cli *cli, const struct account_entry *account))
{
        struct listing l = { .cli = cli, .print = print };
        int r = expect_no_arguments(cli, argc, argv);

        if (r == EXIT_OK)
                r = cli_connect(cli);
        return r == EXIT_OK ? cli_wait(cli, accounts_list(cli->bus, &cli->calls, on_accounts, &l)) : r;
}

int command_accounts(struct cli *cli, int argc, char *argv[])
{
        int r = list(cli, argc, argv, print_account);

        if (r == EXIT_OK)
                cli_each_unopened(cli, print_unopened);
        return r;
}

/* A camera as authd's properties Cameras and CameraStates tell of it. */
struct camera_line {
        const char *name, *kind, *state, *text;
        int is_virtual, infrared;
};

static void print_camera(struct cli *cli, const struct camera_line *c)
{
        _cleanup_free_ char *safe = output_sanitise(c->name, false), *text = output_sanitise(c->text, false);

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "camera", json_object_new_string(c->name));
                json_object_object_add(o, "kind", json_object_new_string(c->kind));
                json_object_object_add(o, "virtual", json_object_new_boolean(c->is_virtual));
                json_object_object_add(o, "infrared", json_object_new_boolean(c->infrared));
                json_object_object_add(o, "state", json_object_new_string(c->state));
                json_object_object_add(o, "text", json_object_new_string(c->text));
                output_json(o);
        } else {
                printf("camera %s: %s%s%s%s%s\n", safe, c->kind, c->is_virtual ? ", virtual" : "",
                       c->infrared ? ", infrared" : "", *text ? ": " : "", text);
        }
}

static int read_camera(sd_bus_message *cameras, sd_bus_message *states, struct camera_line *out)
{
        const char *name = NULL;
        int r = sd_bus_message_read(cameras, "(ssb)", &out->name, &out->kind, &out->is_virtual);

        if (r <= 0)
                return r;
        r = sd_bus_message_read(states, "(sbss)", &name, &out->infrared, &out->state, &out->text);
        return r < 0 ? r : r == 0 || strcmp(name, out->name) != 0 ? -EAGAIN : 1;
}

/* Two answers; if a camera came or went between them, -EAGAIN. */
static int print_cameras(struct cli *cli, sd_bus_message *cameras, sd_bus_message *states)
{
        struct camera_line c;
        int r = sd_bus_message_enter_container(cameras, 'a', "(ssb)");

        if (r >= 0)
                r = sd_bus_message_enter_container(states, 'a', "(sbss)");
        while (r >= 0 && (r = read_camera(cameras, states, &c)) > 0)
                print_camera(cli, &c);
        return r;
}

static int list_cameras(struct cli *cli)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *cameras = NULL, *states = NULL;

        if (sd_bus_get_property(cli->bus, AUTH_SERVICE, AUTH_PATH, AUTH_MANAGER, "Cameras", &error, &cameras,
                                "a(ssb)") < 0 ||
            sd_bus_get_property(cli->bus, AUTH_SERVICE, AUTH_PATH, AUTH_MANAGER, "CameraStates", &error, &states,
                                "a(sbss)") < 0)
                return cli_fail_bus(cli, &error);
        int r = print_cameras(cli, cameras, states);

        if (r == -EAGAIN)
                return cli_fail(cli, EXIT_OTHER, "A camera was plugged in or out just now. Try again.");
        return r < 0 ? cli_fail(cli, EXIT_OTHER, "authd listed its cameras in a form that is not understood here.")
                     : EXIT_OK;
}

int command_status(struct cli *cli, int argc, char *argv[])
{
        int r = list(cli, argc, argv, print_status);

        return r == EXIT_OK ? list_cameras(cli) : r;
}

static int set_enabled(struct cli *cli, int argc, char *argv[], bool enabled)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct cli_account account;
        char path[LINK_PATH_SIZE];
        int r = expect_no_arguments(cli, argc, argv);

        if (r == EXIT_OK)
                r = cli_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        if (account_link_path(account.id, path) < 0)
                return cli_fail(cli, EXIT_OTHER, "cryptod named the account in a way that is not understood here.");
        r = sd_bus_set_property(cli->bus, RELAY_SERVICE, path, RELAY_LINK, "Enabled", &error, "b", (int) enabled);
        return r < 0 ? cli_fail_bus(cli, &error) : EXIT_OK;
}

int command_online(struct cli *cli, int argc, char *argv[])
{
        return set_enabled(cli, argc, argv, true);
}

int command_offline(struct cli *cli, int argc, char *argv[])
{
        return set_enabled(cli, argc, argv, false);
}

int command_unregister(struct cli *cli, int argc, char *argv[])
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct cli_account account;
        struct address address;
        char path[LINK_PATH_SIZE];
        int r;

        if (argc != 1)
                return cli_fail(cli, EXIT_USAGE, "Say the account's name: visavis unregister NAME");
        r = cli_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        if (address_parse(account.address, &address, NULL) < 0 || account_link_path(account.id, path) < 0)
                return cli_fail(cli, EXIT_OTHER, "cryptod named the account in a way that is not understood here.");
        if (strcmp(argv[0], address.name) != 0)
                return cli_fail(cli, EXIT_USAGE, "The account is called %s, not “%s”; nothing was deleted.",
                                address.name, argv[0]);
        r = sd_bus_call_method(cli->bus, RELAY_SERVICE, path, RELAY_LINK, "Delete", &error, NULL, "b",
                               (int) cli->local);
        return r < 0 ? cli_fail_bus(cli, &error) : EXIT_OK;
}
