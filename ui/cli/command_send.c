/* visavis send, update. */
#include <stdio.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/session.h"
#include "ui/cli/text_argument.h"

static void on_sent(uint64_t id, const sd_bus_error *error, void *userdata)
{
        struct session *s = userdata;

        s->message = id;
        cli_finish(s->cli, error ? cli_fail_bus(s->cli, error) : EXIT_OK);
}

static int send_text(struct session *s, const char *text)
{
        int r = cli_wait(s->cli, account_send(s->account, &s->cli->calls, s->conversation, text, on_sent, s));

        if (r == EXIT_OK && s->cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "conversation", json_object_new_string(s->conversation));
                json_object_object_add(o, "id", json_object_new_uint64(s->message));
                output_json(o);
        }
        return r;
}

int command_send(struct cli *cli, int argc, char *argv[])
{
        static char text[TEXT_ARGUMENT_MAX + 2];
        struct session s = { .cli = cli };

        if (argc < 1)
                return cli_fail(cli, EXIT_USAGE, "Say to whom: visavis send ADDRESS|GROUP [TEXT…]");
        int r = text_argument(cli, argc - 1, argv + 1, text);
        if (r == EXIT_OK)
                r = session_open(cli, &session_no_events, NULL, &s);
        if (r == EXIT_OK)
                r = session_conversation(&s, argv[0]);
        if (r == EXIT_OK)
                r = send_text(&s, text);
        session_close(&s);
        return r;
}

static void on_updated(const sd_bus_error *error, void *userdata)
{
        struct cli *cli = userdata;

        cli_finish(cli, error ? cli_fail_bus(cli, error) : EXIT_OK);
}

int command_update(struct cli *cli, int argc, char *argv[])
{
        struct session s = { .cli = cli };

        if (argc != 1)
                return cli_fail(cli, EXIT_USAGE, "Say in which conversation: visavis update ADDRESS");
        int r = session_open(cli, &session_no_events, NULL, &s);
        if (r == EXIT_OK)
                r = session_conversation(&s, argv[0]);
        if (r == EXIT_OK)
                r = cli_wait(cli, account_update(s.account, &cli->calls, s.conversation, on_updated, cli));
        session_close(&s);
        return r;
}
