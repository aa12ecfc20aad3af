/* visavis seal, open: descriptors go to cryptod, which has the keys. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/nickname.h"
#include "ui/cli/output.h"
#include "ui/cli/pin.h"
#include "ui/client/output_file.h"

#define SUFFIX ".sealed"

/* One file on its way. */
struct passage {
        struct cli *cli;
        bool opens;
        const char *name; /* of the input */
        char *out_name;
        int input;
        struct output_file output;
        struct cli_account chosen;
        char other[ADDRESS_TEXT_MAX]; /* for whom, or of whom; "" for nobody else */
        uint32_t job;
        char *service; /* cryptod's unique name */
        bool authenticated;
        char *sealer, *receiver, *acquaintance; /* of a file that was sealed for a contact, as safe texts; else NULL */
        sd_bus_slot *finished, *gone;
};

static void passage_release(struct passage *p)
{
        sd_bus_slot_unref(p->finished);
        sd_bus_slot_unref(p->gone);
        if (p->input > STDERR_FILENO)
                close(p->input);
        output_file_release(&p->output);
        free(p->out_name);
        free(p->service);
        free(p->sealer);
        free(p->receiver);
        free(p->acquaintance);
}

/* What it is called where nobody says: FILE.sealed, and FILE again. */
static char *default_name(const struct passage *p)
{
        size_t size = strlen(p->name), suffix = strlen(SUFFIX);
        char *out = NULL;

        if (strcmp(p->name, "-") == 0)
                out = strdup("-");
        else if (!p->opens && asprintf(&out, "%s" SUFFIX, p->name) < 0)
                abort();
        else if (p->opens && size > suffix && strcmp(p->name + size - suffix, SUFFIX) == 0)
                out = strndup(p->name, size - suffix);
        return out;
}

static int open_input(struct passage *p)
{
        p->input = strcmp(p->name, "-") == 0 ? STDIN_FILENO : open(p->name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return p->input >= 0
                       ? EXIT_OK
                       : cli_fail(p->cli, EXIT_NOT_FOUND, "%s could not be opened: %s.", p->name, strerror(errno));
}

static int open_output(struct passage *p)
{
        p->out_name = p->cli->output ? strdup(p->cli->output) : default_name(p);
        if (!p->out_name)
                return cli_fail(p->cli, EXIT_USAGE,
                                "Say with -o how the opened file is to be called, or - for "
                                "standard output; %s does not end in " SUFFIX ".",
                                p->name);
        if (strcmp(p->out_name, "-") == 0 && p->cli->json)
                return cli_fail(p->cli, EXIT_USAGE,
                                "With --json, standard output is for objects; name a file with -o.");
        int r = output_file_begin(p->out_name, p->cli->yes, &p->output);
        if (r == -EEXIST)
                return cli_fail(p->cli, EXIT_USAGE,
                                "%s is there already; name another file with -o, or replace it with --yes.",
                                p->out_name);
        return r < 0 ? cli_fail(p->cli, EXIT_OTHER, "%s cannot be written: %s.", p->out_name, strerror(-r)) : EXIT_OK;
}

static int append_options(struct passage *p, const struct secret *passphrase, sd_bus_message *m)
{
        _cleanup_close_ int fd = -1;
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0 && p->cli->offset > 0)
                r = sd_bus_message_append(m, "{sv}", "offset", "t", p->cli->offset);
        if (r >= 0 && *p->other)
                r = sd_bus_message_append(m, "{sv}", p->opens ? "from" : "to", "s", p->other);
        if (r >= 0 && passphrase)
                r = secret_to_fd(passphrase, &fd);
        if (r >= 0 && passphrase)
                r = sd_bus_message_append(m, "{sv}", "legacy-passphrase", "h", fd);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int read_text(sd_bus_message *m, char **out)
{
        const char *text;
        int r = sd_bus_message_read(m, "v", "s", &text);

        if (r < 0)
                return r;
        free(*out);
        *out = output_sanitise(text, false);
        return *out ? 0 : -ENOMEM;
}

static int read_detail(struct passage *p, sd_bus_message *m)
{
        const char *name;
        int yes, r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        if (strcmp(name, "Sealer") == 0)
                return read_text(m, &p->sealer);
        if (strcmp(name, "Receiver") == 0)
                return read_text(m, &p->receiver);
        if (strcmp(name, "Acquaintance") == 0)
                return read_text(m, &p->acquaintance);
        if (strcmp(name, "Authenticated") != 0)
                return sd_bus_message_skip(m, "v");
        r = sd_bus_message_read(m, "v", "b", &yes);
        p->authenticated = r >= 0 && yes;
        return r;
}

static int read_details(struct passage *p, sd_bus_message *m)
{
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_detail(p, m);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int on_finished(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct passage *p = userdata;
        const char *name, *text;
        uint32_t job;
        int r = sd_bus_message_read(m, "uss", &job, &name, &text);

        if (r < 0 || job != p->job || strcmp(sd_bus_message_get_sender(m), p->service) != 0)
                return 0;
        if (read_details(p, m) < 0) {
                cli_finish(p->cli, cli_misunderstood(p->cli));
                return 0;
        }
        const sd_bus_error error = { .name = name, .message = text };
        cli_finish(p->cli, *name ? cli_fail_bus(p->cli, &error) : EXIT_OK);
        return 0;
}

static int on_gone(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct passage *p = userdata;

        if (client_from_bus(m))
                cli_finish(p->cli, cli_fail(p->cli, EXIT_OTHER, "cryptod has stopped. Log in again, then try again."));
        return 0;
}

static int begin(struct passage *p, const struct secret *passphrase)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        sd_bus *bus = p->cli->bus;
        int r = sd_bus_match_signal_async(bus, &p->finished, NULL, p->chosen.path, CRYPTO_FILES, "Finished",
                                          on_finished, NULL, p);

        if (r >= 0)
                r = client_watch_service(bus, CRYPTO_SERVICE, on_gone, p, &p->gone);
        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &m, CRYPTO_SERVICE, p->chosen.path, CRYPTO_FILES,
                                                   p->opens ? "Open" : "Seal");
        if (r >= 0)
                r = sd_bus_message_append(m, "hh", p->input, p->output.fd);
        if (r >= 0)
                r = append_options(p, passphrase, m);
        if (r < 0)
                return cli_fail(p->cli, EXIT_OTHER, "cryptod could not be called: %s. Try again.", strerror(-r));
        r = cli_call_message(p->cli, m, &reply);
        if (r != EXIT_OK)
                return r;
        p->service = strdup(sd_bus_message_get_sender(reply));
        if (!p->service)
                abort();
        return sd_bus_message_read(reply, "u", &p->job) < 0 ? cli_misunderstood(p->cli) : EXIT_OK;
}

static void report_json(const struct passage *p)
{
        json_object *o = json_object_new_object();

        json_object_object_add(o, "event", json_object_new_string(p->opens ? "opened" : "sealed"));
        json_object_object_add(o, "file", json_object_new_string(p->out_name));
        json_object_object_add(o, "authenticated", json_object_new_boolean(p->authenticated));
        if (p->sealer && p->receiver && p->acquaintance) {
                json_object_object_add(o, "sealer", json_object_new_string(p->sealer));
                json_object_object_add(o, "receiver", json_object_new_string(p->receiver));
                json_object_object_add(o, "acquaintance", json_object_new_string(p->acquaintance));
        }
        output_json(o);
}

/* Whose file it is, with what that is worth. */
static void report_sealer(const struct passage *p)
{
        if (strcmp(p->acquaintance, "self") == 0)
                fprintf(stderr, "visavis: You sealed it for %s.\n", p->receiver);
        else if (strcmp(p->acquaintance, "verified") == 0)
                fprintf(stderr, "visavis: Sealed by %s, whose key you have verified.\n", p->sealer);
        else if (strcmp(p->acquaintance, "known") == 0)
                fprintf(stderr,
                        "visavis: Sealed by %s, whose key you have not verified; compare the safety number with "
                        "“visavis contact verify”.\n",
                        p->sealer);
        else if (strcmp(p->acquaintance, "other-key") == 0)
                fprintf(stderr,
                        "visavis: Somebody calls themselves %s, with another key than the one that you know. Ask them "
                        "in another way before you believe it: it may be from an account that they had before, or "
                        "somebody else's.\n",
                        p->sealer);
        else
                fprintf(stderr,
                        "visavis: Sealed by somebody who is not known here and calls themselves %s. That may "
                        "be anybody.\n",
                        p->sealer);
}

static void report(const struct passage *p)
{
        if (p->cli->json) {
                report_json(p);
                return;
        }
        if (p->sealer && p->receiver && p->acquaintance)
                report_sealer(p);
        if (!p->authenticated)
                fputs("visavis: The envelope has no MAC: anybody may have changed it on its way, and nothing would "
                      "show "
                      "it.\n",
                      stderr);
}

static int pass(struct passage *p, const struct secret *passphrase)
{
        int r = open_output(p);

        if (r == EXIT_OK)
                r = begin(p, passphrase);
        if (r == EXIT_OK)
                r = cli_wait(p->cli, 0);
        if (r != EXIT_OK)
                return r;
        r = output_file_finish(&p->output);
        if (r < 0)
                return cli_fail(p->cli, EXIT_OTHER, "%s could not be given its name: %s. Nothing was kept.",
                                p->out_name, strerror(-r));
        report(p);
        return EXIT_OK;
}

static int run(struct cli *cli, bool opens, int argc, char *argv[])
{
        _cleanup_(passage_release) struct passage p = { .cli = cli, .opens = opens, .input = -1, .output.fd = -1 };
        _cleanup_secret_ struct secret *passphrase = NULL;
        int r;

        if (argc != 1)
                return cli_fail(cli, EXIT_USAGE, "Give one FILE, or - for standard input.");
        if ((cli->to || cli->from) && cli->legacy_cbc)
                return cli_fail(cli, EXIT_USAGE,
                                "A legacy envelope has a passphrase; it cannot be for a contact or of one.");
        if (cli->offset > 0 && cli->legacy_cbc)
                return cli_fail(cli, EXIT_USAGE, "A legacy envelope is opened as a whole, without --offset.");
        p.name = argv[0];
        r = open_input(&p);
        if (r == EXIT_OK)
                r = cli_unlocked_account(cli, &p.chosen);
        if (r == EXIT_OK && (cli->to || cli->from))
                r = nickname_address(cli, &p.chosen, cli->to ? cli->to : cli->from, p.other);
        if (r == EXIT_OK && cli->legacy_cbc)
                r = pin_read(cli, opens ? FACTOR_ENVELOPE : FACTOR_NEW_ENVELOPE, &passphrase);
        return r == EXIT_OK ? pass(&p, passphrase) : r;
}

int command_seal(struct cli *cli, int argc, char *argv[])
{
        return run(cli, false, argc, argv);
}

int command_open(struct cli *cli, int argc, char *argv[])
{
        return run(cli, true, argc, argv);
}
