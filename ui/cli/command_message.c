/* visavis reply, react, edit, delete, forward, pin, unpin, pinned: what is about one message. */
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/output_said.h"
#include "ui/cli/session.h"
#include "ui/cli/text_argument.h"
#include "ui/client/messages.h"

/* Opens the account and finds the conversation and the message that the first two words name; the caller closes it. */
static int open_message(struct cli *cli, int argc, char *argv[], const char *usage, struct session *s)
{
        int r;

        *s = (struct session){ .cli = cli };
        if (argc < 2)
                return cli_fail(cli, EXIT_USAGE, "Say in which conversation, and which message: visavis %s", usage);
        r = session_open(cli, &session_no_events, NULL, s);
        if (r == EXIT_OK)
                r = session_conversation(s, argv[0]);
        return r == EXIT_OK ? session_message(s, argv[1]) : r;
}

static int print_id(struct session *s, sd_bus_message *reply)
{
        uint64_t id;

        if (sd_bus_message_read(reply, "t", &id) <= 0)
                return cli_misunderstood(s->cli);
        if (s->cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "conversation", json_object_new_string(s->conversation));
                json_object_object_add(o, "id", json_object_new_uint64(id));
                output_json(o);
        }
        return EXIT_OK;
}

int command_reply(struct cli *cli, int argc, char *argv[])
{
        static char text[TEXT_ARGUMENT_MAX + 2];
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct session s;
        int r = open_message(cli, argc, argv, "reply ADDRESS|GROUP MESSAGE [TEXT…]", &s);

        if (r == EXIT_OK)
                r = text_argument(cli, argc - 2, argv + 2, text);
        if (r == EXIT_OK)
                r = cli_call(cli, s.chosen.path, CRYPTO_MESSAGES, "Send", &reply, "ssa{sv}", s.conversation, text, 1,
                             "reply-to", "t", s.message);
        if (r == EXIT_OK)
                r = print_id(&s, reply);
        session_close(&s);
        return r;
}

int command_edit(struct cli *cli, int argc, char *argv[])
{
        static char text[TEXT_ARGUMENT_MAX + 2];
        struct session s;
        int r = open_message(cli, argc, argv, "edit ADDRESS|GROUP MESSAGE [TEXT…]", &s);

        if (r == EXIT_OK)
                r = text_argument(cli, argc - 2, argv + 2, text);
        if (r == EXIT_OK)
                r = cli_call(cli, s.chosen.path, CRYPTO_MESSAGES, "Edit", NULL, "sts", s.conversation, s.message, text);
        session_close(&s);
        return r;
}

int command_react(struct cli *cli, int argc, char *argv[])
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct session s;
        int made, r = open_message(cli, argc, argv, "react ADDRESS|GROUP MESSAGE [EMOJI…]", &s);

        if (r == EXIT_OK) {
                made = sd_bus_message_new_method_call(cli->bus, &m, CRYPTO_SERVICE, s.chosen.path, CRYPTO_MESSAGES,
                                                      "React");
                if (made >= 0)
                        made = sd_bus_message_append(m, "st", s.conversation, s.message);
                if (made >= 0)
                        made = sd_bus_message_append_strv(m, argv + 2);
                r = made < 0 ? cli_fail(cli, EXIT_OTHER, "That cannot be passed on: %s.", strerror(-made))
                             : cli_call_message(cli, m, NULL);
        }
        session_close(&s);
        return r;
}

static int with_flag(struct cli *cli, int argc, char *argv[], const char *usage, const char *method, bool flag)
{
        struct session s;
        int r = open_message(cli, argc, argv, usage, &s);

        if (r == EXIT_OK && argc > 2)
                r = cli_fail(cli, EXIT_USAGE, "“%s” is one word too many: visavis %s", argv[2], usage);
        if (r == EXIT_OK)
                r = cli_call(cli, s.chosen.path, CRYPTO_MESSAGES, method, NULL, "stb", s.conversation, s.message,
                             (int) flag);
        session_close(&s);
        return r;
}

int command_delete(struct cli *cli, int argc, char *argv[])
{
        return with_flag(cli, argc, argv, "delete ADDRESS|GROUP MESSAGE", "Delete", !cli->local);
}

int command_pin(struct cli *cli, int argc, char *argv[])
{
        return with_flag(cli, argc, argv, "pin ADDRESS|GROUP MESSAGE", "Pin", true);
}

int command_unpin(struct cli *cli, int argc, char *argv[])
{
        return with_flag(cli, argc, argv, "unpin ADDRESS|GROUP MESSAGE", "Pin", false);
}

int command_forward(struct cli *cli, int argc, char *argv[])
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char from[sizeof(((struct session *) NULL)->conversation)];
        struct session s;
        int r = open_message(cli, argc, argv, "forward ADDRESS|GROUP MESSAGE ADDRESS|GROUP", &s);

        if (r == EXIT_OK && argc != 3)
                r = cli_fail(cli, EXIT_USAGE, "Say to whom: visavis forward ADDRESS|GROUP MESSAGE ADDRESS|GROUP");
        if (r == EXIT_OK) {
                memcpy(from, s.conversation, sizeof(from));
                r = session_conversation(&s, argv[2]);
        }
        if (r == EXIT_OK)
                r = cli_call(cli, s.chosen.path, CRYPTO_MESSAGES, "Forward", &reply, "sts", from, s.message,
                             s.conversation);
        if (r == EXIT_OK)
                r = print_id(&s, reply);
        session_close(&s);
        return r;
}

int command_pinned(struct cli *cli, int argc, char *argv[])
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct session s = { .cli = cli };
        struct said *list = NULL;
        size_t n = 0;
        int r;

        if (argc != 1)
                return cli_fail(cli, EXIT_USAGE, "Say in which conversation: visavis pinned ADDRESS|GROUP");
        r = session_open(cli, &session_no_events, NULL, &s);
        if (r == EXIT_OK)
                r = session_conversation(&s, argv[0]);
        if (r == EXIT_OK)
                r = cli_call(cli, s.chosen.path, CRYPTO_MESSAGES, "ListPinned", &reply, "s", s.conversation);
        if (r == EXIT_OK && messages_decode(reply, &list, &n) < 0)
                r = cli_misunderstood(cli);
        for (size_t i = 0; i < n; i++)
                output_said(&list[i], true, cli->json);
        messages_free(list, n);
        session_close(&s);
        return r;
}
