/* See command_hub_control.h. */
#include "ui/cli/command_hub_control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "services/config.h"
#include "services/qr_code.h"
#include "ui/cli/access_log_view.h"
#include "ui/cli/hub_control.h"
#include "ui/cli/output.h"

enum { RATE_USEC = 1000 * 1000 };

static const char *string_of(json_object *o, const char *name)
{
        const char *s = json_object_get_string(json_object_object_get(o, name));

        return s ? s : "";
}

static uint64_t number_of(json_object *o, const char *name)
{
        return json_object_get_uint64(json_object_object_get(o, name));
}

/* "12.3 MB" */
static void format_size(uint64_t bytes, char out[static 32])
{
        static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB" };
        double value = (double) bytes;
        unsigned i = 0;

        while (value >= 1000 && i + 1 < COUNT_OF(units)) {
                value /= 1000;
                i++;
        }
        snprintf(out, 32, i == 0 ? "%.0f %s" : "%.1f %s", value, units[i]);
}

static void keep(struct cli *cli, json_object *o, void *userdata)
{
        json_object **kept = userdata;

        json_object_put(*kept);
        *kept = json_object_get(o);
}

static double rate(json_object *before, json_object *after, const char *name)
{
        return (double) (number_of(after, name) - number_of(before, name)) * 1e6 / RATE_USEC;
}

static void print_status(json_object *o, double messages, double entries)
{
        _cleanup_free_ char *address = output_sanitise(string_of(o, "address"), false);
        _cleanup_free_ char *code = isatty(STDOUT_FILENO) ? qr_code_for_terminal(string_of(o, "address")) : NULL;
        _cleanup_free_ char *registration = output_sanitise(string_of(o, "registration"), false);
        char since[32], waiting[32], chunks[32], disk[32], left[32], log[32];

        output_time(number_of(o, "since_usec"), since);
        format_size(number_of(o, "waiting_bytes"), waiting);
        format_size(number_of(o, "chunk_bytes"), chunks);
        format_size(number_of(o, "disk_bytes"), disk);
        format_size(number_of(o, "disk_free_bytes"), left);
        format_size(number_of(o, "access_log_bytes"), log);
        printf("%s\n%s  since     %s\n", address, code ? code : "", since);
        printf("  accounts  %" PRIu64 "; registration: %s, %" PRIu64 " invitations are good\n",
               number_of(o, "accounts"), registration, number_of(o, "invitations"));
        printf("  links     %" PRIu64 ", %" PRIu64 " of them not proven; %" PRIu64 " let in so far, %" PRIu64
               " turned away\n",
               number_of(o, "links"), number_of(o, "links_unproven"), number_of(o, "links_accepted"),
               number_of(o, "links_refused"));
        printf("  messages  %" PRIu64 " wait (%s); %.0f a second come in, %.0f a second go to mailboxes\n",
               number_of(o, "waiting_messages"), waiting, messages, entries);
        printf("  disk      %s in use, chunks of files %s; %s free\n", disk, chunks, left);
        if (json_object_get_boolean(json_object_object_get(o, "access_log")))
                printf("  log       who connects is written down: %s, moved away at 16 MiB\n", log);
        else
                printf("  log       nobody writes down who connects\n");
}

/* Asked twice, a second apart, for the rates. */
static int hub_status(struct cli *cli, const char *argument)
{
        json_object *before = NULL, *after = NULL;
        int r = hub_control_ask(cli, "status", -1, NULL, keep, &before);

        if (r == EXIT_OK) {
                usleep(RATE_USEC);
                r = hub_control_ask(cli, "status", -1, NULL, keep, &after);
        }
        if (r == EXIT_OK && after && before) {
                double messages = rate(before, after, "messages"), entries = rate(before, after, "entries");

                if (cli->json) {
                        json_object_object_add(after, "messages_per_second", json_object_new_double(messages));
                        json_object_object_add(after, "entries_per_second", json_object_new_double(entries));
                        output_json(json_object_get(after));
                } else {
                        print_status(after, messages, entries);
                }
        }
        json_object_put(before);
        json_object_put(after);
        return r;
}

static void print_account(struct cli *cli, json_object *o, void *userdata)
{
        _cleanup_free_ char *name = output_sanitise(string_of(o, "name"), false);
        char since[32], waiting[32], chunks[32];

        if (cli->json) {
                output_json(json_object_get(o));
                return;
        }
        output_time(number_of(o, "created_usec"), since);
        format_size(number_of(o, "waiting_bytes"), waiting);
        format_size(number_of(o, "chunk_bytes"), chunks);
        printf("%-24s  since %s  %" PRIu64 " messages wait (%s)  files %s  %" PRIu64 " key packages\n", name, since,
               number_of(o, "waiting_messages"), waiting, chunks, number_of(o, "key_packages"));
}

static int hub_accounts(struct cli *cli, const char *argument)
{
        return hub_control_ask(cli, "accounts", -1, NULL, print_account, NULL);
}

static void print_invitation(struct cli *cli, json_object *o, void *userdata)
{
        _cleanup_free_ char *id = output_sanitise(string_of(o, "invitation"), false);
        _cleanup_free_ char *state = output_sanitise(string_of(o, "state"), false);
        char until[32];

        if (cli->json) {
                output_json(json_object_get(o));
                return;
        }
        output_time(number_of(o, "until_usec"), until);
        printf("%s  %-7s  %" PRIu64 " uses left  until %s\n", id, state, number_of(o, "uses"), until);
}

static int hub_invitations(struct cli *cli, const char *argument)
{
        return hub_control_ask(cli, "invitations", -1, NULL, print_invitation, NULL);
}

static void print_token(struct cli *cli, json_object *o, void *userdata)
{
        _cleanup_free_ char *token = output_sanitise(string_of(o, "token"), false);
        _cleanup_free_ char *id = output_sanitise(string_of(o, "invitation"), false);
        char until[32];

        if (cli->json) {
                output_json(json_object_get(o));
                return;
        }
        output_time(number_of(o, "until_usec"), until);
        printf("%s\n", token);
        if (strcmp(string_of(o, "registration"), "invitation") != 0)
                fprintf(stderr, "visavis: This hub's registration is not by invitation now; set registration = "
                                "invitation in hub.conf and have it read that again.\n");
        if (isatty(STDOUT_FILENO))
                printf("Good for %" PRIu64
                       " sign-ups until %s. Whoever has it gets in: give it to nobody else. It is not "
                       "shown again.\nTo take it back: visavis hub revoke %s\n",
                       number_of(o, "uses"), until, id);
}

static int hub_invite(struct cli *cli, const char *argument)
{
        char request[64];
        uint64_t usec = 0;

        if (cli->expires && (config_parse_duration(cli->expires, &usec) < 0 || usec / 1000000 == 0))
                return cli_fail(cli, EXIT_USAGE, "--expires takes a time such as 12h or 7d, not “%s”.", cli->expires);
        snprintf(request, sizeof(request), "invite uses=%u", cli->uses ? cli->uses : 1);
        if (usec > 0) {
                size_t n = strlen(request);

                snprintf(request + n, sizeof(request) - n, " seconds=%" PRIu64, usec / 1000000);
        }
        return hub_control_ask(cli, request, -1, NULL, print_token, NULL);
}

static int ask_about(struct cli *cli, const char *word, const char *argument)
{
        _cleanup_free_ char *request = NULL;

        if (asprintf(&request, "%s %s", word, argument) < 0)
                abort();
        if (strpbrk(argument, "\n ") || strlen(request) > 200)
                return cli_fail(cli, EXIT_USAGE, "“%s” is not what %s takes.", argument, word);
        return hub_control_ask(cli, request, -1, NULL, NULL, NULL);
}

static int hub_revoke(struct cli *cli, const char *argument)
{
        return ask_about(cli, "revoke", argument);
}

static int hub_remove(struct cli *cli, const char *argument)
{
        return ask_about(cli, "remove", argument);
}

static int hub_reset_room(struct cli *cli, const char *argument)
{
        return ask_about(cli, "reset-room", argument + (*argument == '#'));
}

static int hub_metrics(struct cli *cli, const char *argument)
{
        return hub_control_copy(cli, "metrics");
}

static int hub_log(struct cli *cli, const char *argument)
{
        return access_log_show(cli);
}

static void print_backup(struct cli *cli, json_object *o, void *userdata)
{
        char size[32];

        if (cli->json) {
                output_json(json_object_get(o));
                return;
        }
        format_size(number_of(o, "bytes"), size);
        printf("%s in %s, checked. Keep a copy of hub.key beside it: without that every address changes.\n", size,
               (const char *) userdata);
}

/* The file is opened here, for the hub can write to nothing but its state. */
static int hub_backup(struct cli *cli, const char *argument)
{
        _cleanup_free_ char *path = output_sanitise(argument, false);
        _cleanup_close_ int fd = open(argument, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int r;

        if (fd < 0)
                return cli_fail(cli, EXIT_OTHER, "%s cannot be made: %s. Name a file that is not there yet.", argument,
                                strerror(errno));
        r = hub_control_ask(cli, "backup", fd, NULL, print_backup, path);
        if (r != EXIT_OK)
                (void) unlink(argument);
        return r;
}

int command_hub_control(struct cli *cli, int argc, char *argv[])
{
        static const struct {
                const char *word, *argument; /* NULL: none */
                int (*run)(struct cli *cli, const char *argument);
        } words[] = {
                { "status", NULL, hub_status },           { "accounts", NULL, hub_accounts },
                { "remove", "NAME", hub_remove },         { "invite", NULL, hub_invite },
                { "invitations", NULL, hub_invitations }, { "revoke", "INVITATION", hub_revoke },
                { "metrics", NULL, hub_metrics },         { "log", NULL, hub_log },
                { "backup", "FILE", hub_backup },         { "reset-room", "ROOM", hub_reset_room },
        };

        for (unsigned i = 0; argc > 0 && i < COUNT_OF(words); i++) {
                if (strcmp(argv[0], words[i].word) != 0)
                        continue;
                if (argc != (words[i].argument ? 2 : 1))
                        return cli_fail(cli, EXIT_USAGE, "Write: visavis hub %s%s%s", words[i].word,
                                        words[i].argument ? " " : "", words[i].argument ? words[i].argument : "");
                return words[i].run(cli, words[i].argument ? argv[1] : NULL);
        }
        return cli_fail(cli, EXIT_USAGE,
                        "Say what the hub should do: run, find, status, accounts, remove, invite, invitations, revoke, "
                        "reset-room, metrics, log or backup; visavis hub --help says more.");
}
