/* visavis search, export, clear: what was said. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/output_said.h"
#include "ui/cli/session.h"
#include "ui/client/output_file.h"

enum { FOUND_DEFAULT = 20, FOUND_MAX = 500 };

/* -- search -------------------------------------------------------------------------------------------------------- */

struct match {
        char conversation[33];
        uint64_t message;
};

struct searching {
        struct session s;
        struct match found[FOUND_MAX];
        size_t count, shown;
        char title[256]; /* of the conversation that is being shown */
};

static void on_said(const struct said *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct searching *x = userdata;
        struct cli *cli = x->s.cli;
        uint64_t message = x->found[x->shown].message;

        if (!error && n == 1 && list[0].id == message) /* else it is gone since */
                output_said(&list[0], true, cli->json);
        cli_finish(cli, error ? cli_fail_bus(cli, error) : EXIT_OK);
}

static void on_conversations(const struct conversation *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct searching *x = userdata;
        struct cli *cli = x->s.cli;

        for (size_t i = 0; i < n; i++)
                if (strcmp(list[i].id, x->found[x->shown].conversation) == 0)
                        (void) snprintf(x->title, sizeof(x->title), "%s", list[i].address);
        cli_finish(cli, error ? cli_fail_bus(cli, error) : EXIT_OK);
}

/* Above the first message of each conversation. */
static int show_title(struct searching *x)
{
        const struct match *m = &x->found[x->shown];
        _cleanup_free_ char *safe = NULL;
        int r;

        if (x->shown > 0 && strcmp(m->conversation, m[-1].conversation) == 0)
                return EXIT_OK;
        x->title[0] = '\0';
        r = cli_wait(x->s.cli, account_conversations(x->s.account, &x->s.cli->calls, on_conversations, x));
        if (r != EXIT_OK)
                return r;
        safe = output_sanitise(x->title, false);
        if (x->s.cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "conversation", json_object_new_string(m->conversation));
                json_object_object_add(o, "title", json_object_new_string(x->title));
                output_json(o);
        } else {
                printf("%s— %s\n", x->shown > 0 ? "\n" : "", safe);
        }
        return EXIT_OK;
}

static int show(struct searching *x)
{
        for (x->shown = 0; x->shown < x->count; x->shown++) {
                const struct match *m = &x->found[x->shown];
                const struct said_page page = { .before = m->message + 1, .limit = 1 };
                int r = show_title(x);

                if (r == EXIT_OK)
                        r = cli_wait(x->s.cli,
                                     messages_read(x->s.account, &x->s.cli->calls, m->conversation, &page, on_said, x));
                if (r != EXIT_OK)
                        return r;
        }
        return EXIT_OK;
}

/* Matches of one conversation stand together, in the order in which the newest of each was found. */
static void read_found(sd_bus_message *reply, struct searching *x)
{
        const char *conversation;
        uint64_t message;

        while (x->count < FOUND_MAX && sd_bus_message_read(reply, "(st)", &conversation, &message) > 0) {
                size_t at = x->count;

                while (at > 0 && strcmp(x->found[at - 1].conversation, conversation) != 0)
                        at--;
                if (at == 0)
                        at = x->count;
                memmove(x->found + at + 1, x->found + at, (x->count - at) * sizeof(*x->found));
                (void) snprintf(x->found[at].conversation, sizeof(x->found[at].conversation), "%s", conversation);
                x->found[at].message = message;
                x->count++;
        }
}

static int search(struct searching *x, const char *words)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        struct cli *cli = x->s.cli;
        uint32_t limit = cli->last > 0 ? cli->last : FOUND_DEFAULT;
        int r = sd_bus_message_new_method_call(cli->bus, &m, CRYPTO_SERVICE, x->s.chosen.path, CRYPTO_HISTORY,
                                               "Search");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", words);
        if (r >= 0 && cli->in)
                r = sd_bus_message_append(m, "a{sv}", 2, "limit", "u", limit, "conversation", "s", x->s.conversation);
        else if (r >= 0)
                r = sd_bus_message_append(m, "a{sv}", 1, "limit", "u", limit);
        if (r < 0)
                return cli_fail(cli, EXIT_USAGE, "These words cannot be passed on: %s. Are they UTF-8?", strerror(-r));
        r = cli_call_message(cli, m, &reply);
        if (r != EXIT_OK)
                return r;
        if (sd_bus_message_enter_container(reply, 'a', "(st)") < 0)
                return cli_misunderstood(cli);
        read_found(reply, x);
        return x->count > 0 ? show(x) : cli_fail(cli, EXIT_NOT_FOUND, "Nothing was said with these words.");
}

static char *join(int argc, char *argv[])
{
        char *words = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&words, &size);

        if (!f)
                abort();
        for (int i = 0; i < argc; i++)
                fprintf(f, "%s%s", i > 0 ? " " : "", argv[i]);
        if (fclose(f) != 0)
                abort();
        return words;
}

int command_search(struct cli *cli, int argc, char *argv[])
{
        static struct searching x;
        _cleanup_free_ char *words = join(argc, argv);
        int r;

        if (argc == 0)
                return cli_fail(cli, EXIT_USAGE, "Say what to look for: visavis search WORD…");
        r = session_open(cli, &session_no_events, NULL, &x.s);
        if (r == EXIT_OK && cli->in)
                r = session_conversation(&x.s, cli->in);
        if (r == EXIT_OK)
                r = search(&x, words);
        session_close(&x.s);
        return r;
}

/* -- export -------------------------------------------------------------------------------------------------------- */

struct export
{
        struct session s;
        struct output_file output;
        uint32_t job;
        char *service; /* cryptod's unique name */
        sd_bus_slot *exported, *gone;
};

static int on_exported(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct export *e = userdata;
        const char *name, *text;
        uint32_t job;

        if (sd_bus_message_read(m, "uss", &job, &name, &text) < 0 || job != e->job ||
            strcmp(sd_bus_message_get_sender(m), e->service) != 0)
                return 0;
        const sd_bus_error error = { .name = name, .message = text };
        cli_finish(e->s.cli, *name ? cli_fail_bus(e->s.cli, &error) : EXIT_OK);
        return 0;
}

static int on_gone(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct export *e = userdata;

        if (client_from_bus(m))
                cli_finish(e->s.cli,
                           cli_fail(e->s.cli, EXIT_OTHER, "cryptod has stopped. Log in again, then try again."));
        return 0;
}

static int begin(struct export *e)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct cli *cli = e->s.cli;
        int r = sd_bus_match_signal_async(cli->bus, &e->exported, NULL, e->s.chosen.path, CRYPTO_HISTORY, "Exported",
                                          on_exported, NULL, e);

        if (r >= 0)
                r = client_watch_service(cli->bus, CRYPTO_SERVICE, on_gone, e, &e->gone);
        if (r < 0)
                return cli_fail(cli, EXIT_OTHER, "cryptod could not be called: %s. Try again.", strerror(-r));
        r = cli_call(cli, e->s.chosen.path, CRYPTO_HISTORY, "Export", &reply, "ssh", e->s.conversation,
                     cli->json ? "json" : "text", e->output.fd);
        if (r != EXIT_OK)
                return r;
        e->service = strdup(sd_bus_message_get_sender(reply));
        if (!e->service)
                abort();
        return sd_bus_message_read(reply, "u", &e->job) < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

static int write_export(struct export *e, const char *name)
{
        struct cli *cli = e->s.cli;
        int r = output_file_begin(name, cli->yes, &e->output);

        if (r == -EEXIST)
                return cli_fail(cli, EXIT_USAGE,
                                "%s is there already; name another file with -o, or replace it with --yes.", name);
        if (r < 0)
                return cli_fail(cli, EXIT_OTHER, "%s cannot be written: %s.", name, strerror(-r));
        r = begin(e);
        if (r == EXIT_OK)
                r = cli_wait(cli, 0);
        if (r != EXIT_OK)
                return r;
        r = output_file_finish(&e->output);
        return r < 0 ? cli_fail(cli, EXIT_OTHER, "%s could not be given its name: %s. Nothing was kept.", name,
                                strerror(-r))
                     : EXIT_OK;
}

int command_export(struct cli *cli, int argc, char *argv[])
{
        struct export e = { .output.fd = -1 };
        int r;

        if (argc != 1)
                return cli_fail(cli, EXIT_USAGE, "Say which conversation: visavis export ADDRESS|GROUP [-o FILE]");
        r = session_open(cli, &session_no_events, NULL, &e.s);
        if (r == EXIT_OK)
                r = session_conversation(&e.s, argv[0]);
        if (r == EXIT_OK)
                r = write_export(&e, cli->output ? cli->output : "-");
        sd_bus_slot_unref(e.exported);
        sd_bus_slot_unref(e.gone);
        output_file_release(&e.output);
        free(e.service);
        session_close(&e.s);
        return r;
}

/* -- clear --------------------------------------------------------------------------------------------------------- */

int command_clear(struct cli *cli, int argc, char *argv[])
{
        struct session s = { .cli = cli };
        int r;

        if (argc != 1)
                return cli_fail(cli, EXIT_USAGE, "Say which conversation: visavis clear ADDRESS|GROUP");
        r = session_open(cli, &session_no_events, NULL, &s);
        if (r == EXIT_OK)
                r = session_conversation(&s, argv[0]);
        if (r == EXIT_OK && !cli->yes)
                r = cli_ask(cli, "Erase all that was said in this conversation, on this machine, for good?", "--yes");
        if (r == EXIT_OK)
                r = cli_call(cli, s.chosen.path, CRYPTO_HISTORY, "Clear", NULL, "s", s.conversation);
        session_close(&s);
        return r;
}
